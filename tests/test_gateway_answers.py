"""From tensors to JSON, for every task, whole photos and boxes."""

import numpy as np
import pytest

from contract.card import Card, Catalog, Region
from contract.failure import UnknownTask
from contract.tasks import IMAGE_SIZE, MAX_DETECTIONS, NO_LABEL, NO_REGION, Task
from gateway.answers import TASKS, ObjectFilter, add_detectors, describe_photo, find_not_finite, list_found, read_main
from gateway.drawing import DRAWERS, Pen, draw_model
from gateway.schemas import ImageAnswer
from tests.pictures import gradient

ALL = ObjectFilter(None, 100)


def card(name, task, **fields):
    return Card(name, task, version="1", checksum="sha256:0", geometry={}, **fields)


def detections(name, *rows):
    """Tensors of a detector: (box, score, label) best first."""
    boxes, scores = np.zeros((MAX_DETECTIONS, 4), np.float32), np.zeros(MAX_DETECTIONS, np.float32)
    labels = np.full(MAX_DETECTIONS, NO_LABEL, np.int32)
    for number, (box, score, label) in enumerate(rows):
        boxes[number], scores[number], labels[number] = box, score, label
    return {f"{name}_boxes": boxes, f"{name}_scores": scores, f"{name}_labels": labels}


FACES = card("faces", Task.DETECTION, labels=["face"], min_score=0.4)
OBJECTS = card("objects", Task.DETECTION, labels=["cup", "dog"])
SMILING = card("smiling", Task.CLASSIFICATION, labels=["no", "yes"], positive="yes")
WORDS, TITLE = card("caption", Task.CAPTION), card("title", Task.CAPTION)
VECTOR = card("vector", Task.EMBEDDING, size=3)
LOOKING = card("glad", Task.CLASSIFICATION, labels=["no", "yes"], positive="yes", region=Region("faces"))
CARDS = [FACES, OBJECTS, SMILING, WORDS, TITLE, VECTOR, LOOKING]
SMALL, LARGE = (0, 0, 10, 10), (20, 20, 60, 60)


def make_row(**changes):
    return {
        IMAGE_SIZE: np.array([96, 64], np.int32),
        "smiling": np.array([0.25, 0.75], np.float32),
        "caption": np.array([b"a cup"], object),
        "caption_score": np.array([-1.5], np.float32),
        "title": np.array(["eine schöne Tasse".encode()], object),
        "title_score": np.array([-2.0], np.float32),
        "vector": np.array([0.123456789, -1e-9, 12345.678], np.float32),
        "glad": np.array([[0.9, 0.1], [0.2, 0.8]], np.float32),
        **detections("faces", (SMALL, 0.9, 0), (LARGE, 0.6, 0), (LARGE, 0.3, 0)),
        **detections("objects", (LARGE, 0.5, 1), (SMALL, 0.3, 0)),
        **changes,
    }


def test_every_model_stands_under_its_name():
    photo = describe_photo("a.jpg", make_row(), CARDS, ALL)
    assert (photo["width"], photo["height"]) == (96, 64)
    assert [each["label"] for each in photo["objects"]] == ["dog", "cup"]
    assert [each["score"] for each in photo["faces"]] == pytest.approx([0.9, 0.6])  # its own lowest score is 0.4
    assert photo["caption"] == {"text": "a cup", "score": -1.5}
    assert photo["title"]["text"] == "eine schöne Tasse"
    assert photo["attributes"]["smiling"]["label"] == "yes"
    assert photo["embeddings"]["vector"] == [0.123457, -1e-09, 12345.7]


def test_boxes_carry_what_was_seen_in_them_and_the_photo_that_of_the_largest():
    photo = describe_photo(None, make_row(), CARDS, ALL)
    assert [each["attributes"]["glad"]["label"] for each in photo["faces"]] == ["no", "yes"]
    assert photo["attributes"]["glad"]["label"] == "yes"
    assert all(set(each) == {"label", "score", "box"} for each in photo["objects"])


@pytest.mark.parametrize("rows", [[], [(SMALL, 0.9, 0)]], ids=["no box", "a box that was not looked at"])
def test_no_box_to_look_at_is_null(rows):
    row = make_row(**detections("faces", *rows), glad=np.full((1, 2), NO_REGION, np.float32))
    photo = describe_photo(None, row, CARDS, ALL)
    assert photo["attributes"]["glad"] is None
    assert [each["attributes"]["glad"] for each in photo["faces"]] == [None] * len(rows)
    assert ("glad", "no") not in list_found(photo, CARDS)
    assert read_main(LOOKING, row, CARDS) is None


def test_a_model_with_a_region_brings_its_detector_along():
    catalog = Catalog(CARDS)
    assert add_detectors(catalog.select(["glad"]), catalog) == [FACES, LOOKING]


def test_the_answer_of_every_task_fits_the_schema():
    assert {each.task for each in CARDS} == set(Task)
    photo = describe_photo("a.jpg", make_row(), CARDS, ALL)
    assert ImageAnswer.model_validate(photo).model_dump(exclude_unset=True) == photo


@pytest.mark.parametrize("shown", [ObjectFilter(0.55, 100), ObjectFilter(None, 1), ObjectFilter(None, 9, frozenset())])
def test_objects_are_filtered_in_every_detector(shown):
    photo = describe_photo(None, make_row(), CARDS, shown)
    assert (len(photo["faces"]), len(photo["objects"])) in [(2, 0), (1, 1), (0, 0)]


def test_what_was_found():
    found = list_found(describe_photo(None, make_row(), CARDS, ALL), CARDS)
    expected = [("faces", "face")] * 2 + [("objects", "dog"), ("objects", "cup"), ("smiling", "yes"), ("glad", "yes")]
    assert found == expected


@pytest.mark.parametrize("name", ["smiling", "vector", "caption_score", "faces_scores"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_json_does_not_know_are_found(name, value):
    tensor = make_row()[name].copy()
    tensor[0] = value
    assert find_not_finite(make_row(**{name: tensor}), CARDS) == name.partition("_")[0]
    assert find_not_finite(make_row(), CARDS) is None


def test_every_table_knows_every_task():
    assert set(TASKS) == set(DRAWERS) == set(Task)


def test_a_task_without_a_row_is_refused_by_name(monkeypatch):
    photo = describe_photo(None, make_row(), CARDS, ALL)
    monkeypatch.delitem(DRAWERS, Task.EMBEDDING)
    with pytest.raises(UnknownTask, match="vector has task 'embedding'"):
        draw_model(Pen(gradient()), VECTOR, photo)
    monkeypatch.delitem(TASKS, Task.CAPTION)
    with pytest.raises(UnknownTask, match="caption has task 'caption'"):
        describe_photo(None, make_row(), CARDS, ALL)
