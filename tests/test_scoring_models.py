"""The columns of every task: from tensors to cells, and several models of each end to end on the real server."""

import re

import grpc
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from contract.answer import Classification, Detections
from contract.card import Card, Region
from contract.failure import BadPhoto, Unavailable
from contract.tasks import IMAGE_SIZE, NO_REGION, Task
from scoring.answers import describe_answer
from scoring.errors import UsageError
from scoring.schema import ErrorKind, is_permanent, make_schema, read_metadata
from scoring.tasks import OBJECT, list_columns
from tests import checkpoints
from tests.analyzing import Analyzer
from tests.pictures import encode, gradient
from tests.scored import read_rows, score
from tests.serving_process import serve_exported
from tests.test_export import run

F32 = pa.float32()


def make_card(name, task, **more):
    return Card(name, task, "1", "sha256:1", {}, **more)


SMILE = make_card("smile", Task.CLASSIFICATION, labels=["yes", "no"], positive="yes")
TEXT = make_card("text", Task.CAPTION)
THINGS = make_card("things", Task.DETECTION, labels=["cat", "dog"], min_score=0.5)
LIKENESS = make_card("likeness", Task.EMBEDDING, size=2)
MOOD = make_card("mood", Task.CLASSIFICATION, labels=["bad", "good"], positive="good", region=Region("things", most=2))
FACE = make_card("face", Task.EMBEDDING, size=2, region=Region("things", most=2))
CARDS = [SMILE, TEXT, THINGS, LIKENESS, MOOD, FACE]
TENSORS = {
    IMAGE_SIZE: np.array([64, 48], np.int32),
    "smile": np.array([0.75, 0.25], np.float32),
    "text": np.array([b"a dog"], object),
    "text_score": np.array([-2.5], np.float32),
    "things_boxes": np.array([[1, 2, 4, 8], [0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 0, 0]], np.float32),
    "things_scores": np.array([0.75, 0.5, 0.25, 0], np.float32),
    "things_labels": np.array([1, 0, 0, -1], np.int32),
    "likeness": np.array([0.5, -0.5], np.float32),
    "mood": np.array([[0.25, 0.75], [NO_REGION, NO_REGION]], np.float32),
    "face": np.array([[1, 2], [NO_REGION, NO_REGION]], np.float32),
}


def describe(tensors=TENSORS, cards=CARDS, min_score=None):
    return describe_answer(tensors, cards, min_score)


@pytest.mark.parametrize(
    ("card", "columns", "cells"),
    [
        (SMILE, [("smile", F32)], {"smile": 0.75}),
        (TEXT, [("text", pa.string()), ("text_score", F32)], {"text": "a dog", "text_score": -2.5}),
        (LIKENESS, [("likeness", pa.list_(F32))], {"likeness": [0.5, -0.5]}),
        (THINGS, [("things", pa.list_(OBJECT))], {"things": [
            {"label": "dog", "score": 0.75, "x": 1, "y": 2, "width": 3, "height": 6},
            {"label": "cat", "score": 0.5, "x": 0, "y": 0, "width": 2, "height": 2}]}),
    ],
)  # fmt: skip
def test_columns_and_cells_of_a_task(card, columns, cells):
    assert list_columns(card) == columns
    assert describe(cards=[card]) == {"width": 64, "height": 48} | cells


def test_photo_has_what_is_said_about_its_largest_box():
    assert list_columns(MOOD) == [("mood", F32)]
    assert list_columns(FACE) == [("face", pa.list_(F32))]
    row = describe()
    assert (row["mood"], row["face"]) == (0.75, [1, 2])
    nowhere = np.full((1, 2), NO_REGION, np.float32)
    row = describe(TENSORS | {"mood": nowhere, "face": nowhere})
    assert (row["mood"], row["face"]) == (None, None)


@pytest.mark.parametrize(("min_score", "count"), [(None, 2), (0.2, 3), (0.6, 1), (0.9, 0)])
def test_each_box_has_what_is_said_about_it(min_score, count):
    attributes = [each["attributes"] for each in describe(min_score=min_score)["things"]]
    said = {"mood": 0.75, "face": [1, 2]}
    assert attributes == [said, {"mood": None, "face": None}, {"mood": None, "face": None}][:count]
    schema = make_schema(CARDS, pa.schema([]))
    assert schema.field("things").type.value_type.field("attributes").type == pa.struct(
        [("mood", F32), ("face", pa.list_(F32))]
    )
    pa.Table.from_pylist([describe() | {"source": "a", "models": []}], schema=schema)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("output", ["smile", "text_score", "things_scores", "likeness", "mood"])
def test_no_number_is_null_with_an_error(output, value):
    broken = TENSORS[output].copy()
    broken.flat[0] = value
    row, good = describe(TENSORS | {output: broken}), describe()
    name = output.partition("_")[0]
    assert row.pop("error") == f"model: {name} gave NaN or infinity"
    lost = (name, "mood", "face") if name == "things" else (name,)
    if name == "mood":
        for box in good["things"]:
            box["attributes"]["mood"] = None
    assert row == {column: cell for column, cell in good.items() if not column.startswith(lost)}


def test_label_beyond_the_card_is_an_error_of_the_row():
    row = describe(TENSORS | {"things_labels": np.array([7, 0, 0, -1], np.int32)}, [SMILE, THINGS])
    assert row["smile"] == 0.75
    assert row["error"].startswith("model: things's answer does not fit its card")
    assert is_permanent(row["error"])


@pytest.mark.parametrize(
    ("failure", "error", "stays"),
    [
        (BadPhoto("cannot decode image", grpc.StatusCode.INVALID_ARGUMENT), "picture: cannot decode image", True),
        (Unavailable("away", grpc.StatusCode.UNAVAILABLE), "service: UNAVAILABLE: away", False),
    ],
)
def test_failures(failure, error, stays):
    assert describe(failure) == {"error": error}
    assert is_permanent(error) == stays
    assert error.partition(":")[0] in list(ErrorKind)


@pytest.mark.parametrize(
    ("carried", "names"),
    [
        (["likes"], ["likes"]),
        (["width", "smile", "text_score"], ["table_width", "table_smile", "table_text_score"]),
        (
            ["width", "table_width", "table_table_width"],
            ["table_table_table_width", "table_width", "table_table_width"],
        ),
        (["Width", "WIDTH", "ID", "id"], ["table_Width", "table_table_WIDTH", "ID", "table_id"]),
        (["A", "a", "table_A", "a "], ["A", "table_table_a", "table_A", "a "]),
        (["error", "source", "models", "seconds"], ["table_error", "table_source", "table_models", "table_seconds"]),
    ],
)
def test_carried_columns_are_kept_apart(carried, names):
    schema = make_schema(CARDS, pa.schema([(name, pa.string()) for name in carried]))
    assert schema.names[: len(carried)] == names
    assert len({name.lower() for name in schema.names}) == len(schema.names)
    assert read_metadata(schema)["carried"] == names
    models = read_metadata(schema)["models"]
    assert {name: Card.from_dict(name, card) for name, card in models.items()} == {card.name: card for card in CARDS}


@pytest.mark.parametrize(
    "cards",
    [
        [make_card("error", Task.CLASSIFICATION, labels=["a", "b"], positive="b")],
        [make_card("source", Task.EMBEDDING, size=2)],
        [make_card("text_score", Task.CLASSIFICATION, labels=["a", "b"], positive="b"), TEXT],
    ],
)
def test_models_that_fill_one_column_are_refused(cards):
    with pytest.raises(UsageError, match=r"would be there twice: leave that model out with --outputs"):
        make_schema(cards, pa.schema([]))


def test_unknown_task_is_refused_by_name(monkeypatch):
    monkeypatch.delitem(list_columns.__globals__["TASKS"], Task.EMBEDDING)
    with pytest.raises(UsageError, match="likeness has task 'embedding', which bulk scoring does not know"):
        make_schema([LIKENESS], pa.schema([]))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A service with several models of every task."""
    folder = tmp_path_factory.mktemp("many")
    checkpoints.write_many(folder)
    assert run(folder) == 0
    with serve_exported(folder) as serving:
        yield serving.urls["Triton gRPC"]


def test_several_models_of_every_task(many, tmp_path):
    photo = encode(gradient())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(photo)
    assert score(tmp_path / "in", "--out", tmp_path / "out", "--endpoint", many, "--min-score", 0.01) == 0
    (row,) = read_rows(tmp_path / "out")
    assert "parts" not in row
    results = Analyzer(many).results(photo)
    for name in ("bright", "again"):
        assert isinstance(results[name], Detections)
        assert [each["score"] for each in row[name]] == pytest.approx([box.score for box in results[name].keep(0.01)])
    for name in ("tell", "short"):
        assert (row[name], row[f"{name}_score"]) == (results[name].text, pytest.approx(results[name].score))
    assert isinstance(results["colour"], Classification)
    assert row["colour"] == pytest.approx(results["colour"].positive)
    assert row["likeness"] == pytest.approx(results["likeness"].values.tolist())
    for box, each in zip(row["bright"], results["close"], strict=False):
        assert box["attributes"]["close"] == (each and pytest.approx(each.positive))
    assert row["close"] in [box["attributes"]["close"] for box in row["bright"]]


def test_a_model_that_is_no_default_is_asked_for_by_name(many, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(encode(gradient()))
    (tmp_path / "in" / "broken.png").write_bytes(encode(gradient())[:60])
    out = tmp_path / "out"
    assert score(tmp_path / "in", "--out", out, "--endpoint", many, "--outputs", "parts", "likeness") == 0
    schema = parquet.read_schema(out / "part-000000.parquet")
    assert schema.field("parts").type == schema.field("likeness").type == pa.list_(F32)
    assert "bright" in schema.names  # at whose boxes it looks
    assert "again" not in schema.names
    good, broken = pd.read_parquet(out).sort_values("source").to_dict("records")
    assert len(good["likeness"]) == 3
    assert broken["likeness"] is None
    assert broken["error"].startswith("picture:")


def test_vectors_of_one_table_are_null_in_the_rows_of_another(many, tmp_path):
    (tmp_path / "a.png").write_bytes(encode(gradient()))
    vectors = pa.array([[1.0, 2.0]], pa.list_(F32, 2))
    parquet.write_table(pa.table({"path": ["a.png"], "vector": vectors}), tmp_path / "1.parquet")
    parquet.write_table(pa.table({"path": ["a.png"]}), tmp_path / "2.parquet")
    out = tmp_path / "out"
    assert score(tmp_path / "*.parquet", "--out", out, "--endpoint", many, "--outputs", "colour") == 0
    found = sorted(pd.read_parquet(out)["vector"].map(lambda each: None if each is None else list(each)), key=str)
    assert found == [None, [1.0, 2.0]] or found == [[1.0, 2.0], None]


def test_dataset_that_is_scored_again_opens_in_pandas(triton_url, tmp_path, sample_photo):
    (tmp_path / "a.jpg").write_bytes(sample_photo)
    arguments = ("--endpoint", triton_url, "--outputs", "smiling")
    assert score(tmp_path / "a.jpg", "--out", tmp_path / "1.parquet", *arguments) == 0
    for number in (1, 2):
        source, out = tmp_path / f"{number}.parquet", tmp_path / f"{number + 1}.parquet"
        assert score(source, "--out", out, *arguments) == 0
    frame = pd.read_parquet(tmp_path / "3.parquet")
    assert frame.columns.is_unique
    assert {"smiling", "table_smiling", "table_table_smiling"} <= set(frame.columns)
    assert frame["table_smiling"][0] == frame["smiling"][0]
    assert re.search(r"a\.jpg$", frame["source"][0])
