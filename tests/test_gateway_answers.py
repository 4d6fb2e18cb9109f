"""From tensors to JSON, for every task, whole photos and boxes."""

import numpy as np
import pytest

from contract.answer import read_main
from contract.card import Catalog
from contract.failure import UnknownTask
from contract.tasks import NO_REGION, Task
from gateway.answers import TASKS, ObjectFilter, describe_photo, find_not_finite, list_found
from gateway.app import create_app
from gateway.drawing import DRAWERS, Pen, draw_model
from gateway.schemas import ImageAnswer
from gateway.settings import Settings
from tests.canned import CARDS, FACES, LOOKING, SMALL, VECTOR, CannedTriton, detections, make_row
from tests.pictures import encode, gradient

ALL = ObjectFilter(None, 100)


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
    assert catalog.with_detectors(catalog.select(["glad"])) == [FACES, LOOKING]


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


def post(path):
    client = create_app(Settings(cache_bytes=0), CannedTriton()).test_client()
    return client.post(path, data=encode(gradient()), content_type="image/png")


def test_a_model_that_is_no_default_is_computed_when_it_is_named():
    everything = post("/v1/analyze").json
    assert set(everything["models"]) == {card.name for card in CARDS if card.default}
    assert "likeness" not in everything["images"][0]["embeddings"]
    named = post("/v1/analyze?features=likeness").json
    assert (set(named["models"]), set(named["images"][0]["embeddings"])) == ({"likeness"}, {"likeness"})


@pytest.mark.parametrize("path", ["/v1/analyze?features=glad", "/v1/models/glad"])
def test_a_model_that_looks_at_boxes_answers_with_the_boxes(path):
    answer = post(path).json
    assert set(answer["models"]) == {"faces", "glad"}
    assert [set(each["attributes"]) for each in answer["images"][0]["faces"]] == [{"glad"}] * 2


def test_the_short_answer_of_a_model_that_looks_at_boxes_is_that_of_the_largest():
    assert post("/").json == {"prob_glad": 0.8, "prob_smiling": 0.75}


def test_annotate_draws_every_model():
    assert post("/v1/annotate").status_code == 200
