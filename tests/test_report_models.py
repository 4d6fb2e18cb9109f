"""The report follows the models' cards: any number of each task, under their own names; an unknown task is refused."""

import base64
import csv
import dataclasses
import io
import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from contract.card import Card, Region
from contract.tasks import Task
from report.__main__ import main
from report.assemble import TASKS
from report.dataset import connect, open_run
from report.embedding import find_duplicates, read_vectors
from report.statistics import mean_shift
from report.thumbnails import draw_thumbnail
from tests.pictures import encode
from tests.scored_runs import DIMENSIONS, MODELS, make_columns, write_run

FACES = Card("faces", Task.DETECTION, "1", "e" * 8, {}, ["face"])
TITLE = Card("title", Task.CAPTION, "1", "f" * 8, {})
VECTOR = Card("vector", Task.EMBEDDING, "1", "0" * 8, {}, size=DIMENSIONS)


def report(folder, *flags) -> tuple[str, dict[str, list[dict[str, str]]]]:
    """The page, and the tables by name."""
    assert main([str(folder), *flags]) == 0
    out = folder / "_report"
    tables = {path.stem: list(csv.DictReader(path.open(newline=""))) for path in out.glob("*.csv")}
    return (out / "report.html").read_text(), tables


def add_models(columns: dict[str, list], seed: int = 0, shift: float = 0.0) -> dict[str, list]:
    """A second detector, a second captioner and an embedding; row 1 is nearly row 0, and row 2 is the file of row 3."""
    rng, rows = np.random.default_rng(seed), len(columns["source"])
    vectors = rng.normal(0, 1, (rows, DIMENSIONS)).astype(np.float32) + shift
    vectors[1] = 3 * vectors[0] + 0.01
    vectors[2] = vectors[3]
    face = {"label": "face", "score": 0.9, "x": 0.0, "y": 0.0, "width": 5.0, "height": 5.0}
    hashes = list(columns["sha256"])
    hashes[2] = hashes[3]
    return columns | {
        "sha256": hashes,
        "faces": [[face] * (number % 3) for number in range(rows)],
        "title": ["Ein schöner Tag, ein Tag"] * rows,
        "title_score": [-1.0] * rows,
        "vector": vectors.tolist(),
    }


def test_each_model_is_reported_by_name(tmp_path):
    columns = add_models(make_columns(300, 10, 0))
    folder = write_run(tmp_path / "run", columns, [*MODELS, FACES, TITLE, VECTOR])
    text, tables = report(folder, "--compare", str(folder))
    good = [number for number in range(300) if columns["error"][number] is None]
    (faces,) = tables["faces_labels"]
    numbers = [number % 3 for number in good]
    assert (faces["label"], int(faces["boxes"])) == ("face", sum(numbers))
    assert int(faces["photos"]) == np.count_nonzero(numbers)
    assert {row["label"] for row in tables["objects_labels"]} == {"circle", "square"}
    assert {row["word"]: int(row["photos"]) for row in tables["title_words"]} == dict.fromkeys(
        ("ein", "schöner", "tag"), len(good)
    )
    assert "person" in {row["word"] for row in tables["caption_words"]}
    outputs = {row["output"] for row in tables["drift"]}
    assert outputs >= {"faces per photo", "objects per photo", "title score", "caption score", "labels of faces"}
    assert {row["output"] for row in tables["changed"]} >= {"faces (number of boxes)", "title (other text)"}
    assert [row["embedding"] for row in tables["shifts"]] == ["vector"]
    for heading in ("Detections: faces", "Detections: objects", "Words: title", "Near-duplicates: vector"):
        assert heading in text


@pytest.mark.parametrize(
    ("flags", "faces", "objects"), [([], 0.9, 0.4), (["--min-score", "0.7"], 0.7, 0.7), (["--min-score", "0"], 0, 0)]
)
def test_boxes_count_from_the_score_of_their_own_card(tmp_path, flags, faces, objects):
    models = [*MODELS[:3], dataclasses.replace(MODELS[3], min_score=0.4), dataclasses.replace(FACES, min_score=0.9)]
    columns = add_models(make_columns(120, 10, 0))
    columns["faces"] = [[each | {"score": 0.8 + 0.01 * row} for each in columns["faces"][row]] for row in range(120)]
    text, tables = report(write_run(tmp_path / "run", columns, models), *flags)
    good = [row for row in range(120) if columns["error"][row] is None]
    for name, floor in (("faces", faces), ("objects", objects)):
        scores = np.array([each["score"] for row in good for each in columns[name][row]], np.float32)
        count = np.count_nonzero(scores >= np.float32(floor))
        assert sum(int(row["boxes"]) for row in tables[f"{name}_labels"]) == count
        assert f"{count} boxes with a score of at least {floor:g}, " in text


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_one_of_each_is_said_in_the_singular(tmp_path):
    box = {"label": "circle", "score": 0.9, "x": 0.0, "y": 0.0, "width": 5.0, "height": 5.0}
    columns = make_columns(1, 1, 0) | {"objects": [[box]], "vector": [[1.0] * DIMENSIONS]}
    folder = write_run(tmp_path / "run", columns, [*MODELS, VECTOR], parts=1)
    text, _ = report(folder, "--by", "user", "--outcome", "likes", "--compare", str(folder))
    for words in (
        "1 photo was scored, ",
        "1 box with",
        ", 1 label.",
        "1 person by",
        "1 different photo has",
        "1 same photo ",
    ):
        assert words in text
    assert re.findall(r"\b1 (?:different |same |more )?(?:photos|persons|boxes|labels|words|pairs|rows)\b", text) == []


def test_one_more_row_is_said_in_the_singular(tmp_path):
    columns = make_columns(40, 4, 0)
    columns["caption"] = [caption and " ".join(map(str, range(41))) for caption in columns["caption"]]
    assert "1 more row is in caption_words.csv." in report(write_run(tmp_path / "run", columns))[0]


def test_a_run_of_an_embedding_alone(tmp_path):
    columns = add_models(make_columns(100, 10, 0))
    text, tables = report(write_run(tmp_path / "run", columns, [VECTOR]))
    assert "Shares of photos" not in text
    assert set(tables) == {"errors", "models", "vector_duplicates"}


def test_an_unknown_task_is_refused_by_name(tmp_path, capsys, monkeypatch):
    folder = write_run(tmp_path / "run", make_columns(20, 2, 0), MODELS)
    part = folder / "part-000000.parquet"
    table = pq.read_table(part)
    metadata = json.loads(table.schema.metadata[b"scoring"])
    metadata["models"]["depth"] = metadata["models"]["objects"] | {"task": "depth"}
    pq.write_table(table.replace_schema_metadata({"scoring": json.dumps(metadata)}), part)
    assert main([str(folder)]) == 2
    assert "model depth has task 'depth', which is not known here" in capsys.readouterr().err


def test_a_task_that_only_the_contract_knows_is_refused_by_name(tmp_path, capsys, monkeypatch):
    monkeypatch.delitem(TASKS, Task.DETECTION)
    assert main([str(write_run(tmp_path / "run", make_columns(20, 2, 0)))]) == 2
    assert "does not know the task detection of objects" in capsys.readouterr().err


def test_shares_are_of_photos_with_a_prediction(tmp_path):
    columns = make_columns(400, 20, effect=0)
    columns["smiling"] = [None if number % 2 else value for number, value in enumerate(columns["smiling"])]
    columns["smiling"][0] = float("nan")
    known = [value for value in columns["smiling"] if value is not None and np.isfinite(value)]
    folder = write_run(tmp_path / "run", columns)
    text, tables = report(folder, "--by", "user")
    row = {row["attribute"]: row for row in tables["shares"]}["smiling"]
    positives = sum(value >= 0.5 for value in known)
    assert (int(row["photos"]), int(row["no_prediction"]), int(row["positive"])) == (
        len(known),
        390 - len(known),
        positives,
    )
    assert float(row["share"]) == pytest.approx(positives / len(known))
    assert f"of the {len(known)} photos with a prediction" in text
    assert f"{390 - len(known)} photos have none" in text
    groups = {(row["attribute"], row["in"]): int(row["persons"]) for row in tables["person_groups"]}
    assert sum(groups["smiling", each] for each in ("none", "some", "all")) == 20


def test_detections_may_have_attributes_of_their_own(tmp_path):
    columns = make_columns(40, 4, 0)
    columns["faces"] = [[{"label": "face", "score": 0.9, "attributes": {"smiling": 0.7}}] for _ in range(40)]
    face = pa.array(columns["faces"]).type
    (row,) = report(write_run(tmp_path / "run", columns, [*MODELS, FACES], {"faces": face}))[1]["faces_labels"]
    assert int(row["boxes"]) == 39


def test_columns_that_differ_in_case_alone_are_two(tmp_path):
    """Scoring keeps them apart by a name of another kind."""
    columns = {"LIKES": ["many"] * 400, "Source": ["camera"] * 400} | make_columns(400, 20, effect=-12)
    tables = report(write_run(tmp_path / "run [1]*", columns), "--by", "LIKES", "--outcome", "table_likes")[1]
    assert len(tables["persons"]) == 1
    likes = [like for like, error in zip(columns["likes"], columns["error"], strict=True) if error is None]
    assert float(tables["persons"][0]["mean_outcome"]) == pytest.approx(np.mean(likes))


def test_photos_without_a_box_to_look_at_are_counted_apart(tmp_path):
    region = Region("faces")
    cards = [dataclasses.replace(card, region=region) for card in (MODELS[0], VECTOR)]
    columns = add_models(make_columns(200, 10, 0))
    seen = [value is not None and number % 3 > 0 for number, value in enumerate(columns["smiling"])]
    columns["smiling"] = [value if sees else None for value, sees in zip(columns["smiling"], seen, strict=True)]
    tables = report(write_run(tmp_path / "run", columns, cards), "--by", "user", "--outcome", "likes")[1]
    (row,) = tables["shares"]
    positive = sum(value >= 0.5 for value in columns["smiling"] if value is not None)
    assert [int(row[key]) for key in ("photos", "no_prediction", "positive")] == [sum(seen), 195 - sum(seen), positive]
    assert len(tables["vector_duplicates"]) >= 1


def test_near_duplicates_are_found_once(tmp_path):
    columns = add_models(make_columns(3000, 10, 0))
    text, tables = report(write_run(tmp_path / "run", columns, [*MODELS, VECTOR]), "--min-cosine", "0.99")
    (pair,) = tables["vector_duplicates"]
    assert {pair["photo"], pair["near_duplicate"]} == {"photos/0.jpg", "photos/1.jpg"}
    vectors = np.array(columns["vector"])
    cosine = vectors[0] @ vectors[1] / np.linalg.norm(vectors[0]) / np.linalg.norm(vectors[1])
    assert float(pair["cosine"]) == pytest.approx(cosine, abs=1e-5)
    assert "vector: 2 of 2,924 different photos have a near-duplicate" in text


def test_duplicates_are_those_of_every_pair_compared(monkeypatch):
    monkeypatch.setattr("report.embedding.ROWS_PER_BLOCK", 7)
    monkeypatch.setattr("report.embedding.MOST_PAIRS", 20)
    vectors = np.random.default_rng(1).normal(0, 1, (60, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = np.triu(vectors @ vectors.T, 1)
    close = cosines >= 0.95
    pairs, total, photos = find_duplicates(vectors, 0.95)
    assert total == close.sum()
    assert photos == (close | close.T).any(axis=0).sum()
    assert np.allclose(pairs["cosine"], np.sort(cosines[close])[::-1][:20])


def test_many_photos_are_a_random_sample_that_stays_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("report.embedding.MOST_PHOTOS", 50)
    folder = write_run(tmp_path / "run", add_models(make_columns(300, 10, 0)), [*MODELS, VECTOR])
    sources, vectors = read_vectors(open_run(connect(), str(folder), "run", 0.5, 0.25), "vector")
    assert len(set(sources)) == 50
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert list(read_vectors(open_run(connect(), str(folder), "run", 0.5, 0.25), "vector")[0]) == list(sources)
    assert "a random 50 are compared" in report(folder)[0]


def test_the_mean_embedding_drifts_only_where_photos_differ(tmp_path):
    models = [*MODELS, VECTOR]
    runs = [
        write_run(tmp_path / str(number), add_models(make_columns(400, 10, 0), seed, shift), models)
        for number, (seed, shift) in enumerate([(1, 0.0), (2, 0.0), (3, 0.5)])
    ]
    (same,) = report(runs[0], "--compare", str(runs[1]))[1]["shifts"]
    (moved,) = report(runs[0], "--compare", str(runs[2]))[1]["shifts"]
    assert float(same["distance"]) < 1.5 * float(same["distance_by_chance"])
    assert float(moved["distance"]) > 3 * float(moved["distance_by_chance"])


def test_chance_of_a_shift_is_what_it_says():
    rng, shifts = np.random.default_rng(3), []
    for _ in range(100):
        vectors = rng.normal(0, 1, (120, 8)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        shifts.append(mean_shift(vectors[:50], vectors[50:]))
    assert sum(shift.distance > shift.chance for shift in shifts) <= 12
    halves = np.array([[1, 0]] * 30, np.float32), np.array([[0, 1]] * 30, np.float32)
    assert mean_shift(*halves).distance == pytest.approx(2**0.5)


def test_embeddings_of_other_sizes_are_not_compared(tmp_path, capsys):
    columns = add_models(make_columns(40, 4, 0))
    short = columns | {"vector": [row[:4] for row in columns["vector"]]}
    old = write_run(tmp_path / "old", short, [dataclasses.replace(VECTOR, size=4)])
    new = write_run(tmp_path / "new", columns, [VECTOR])
    assert main([str(new), "--compare", str(old)]) == 2
    assert "share no outputs" in capsys.readouterr().err


def mean_of(photo: bytes) -> np.ndarray:
    data = base64.b64decode(draw_thumbnail(photo).partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data))).reshape(-1, 3).mean(axis=0)


def test_thumbnails_show_what_the_networks_see():
    deep = Image.fromarray(np.full((40, 60), 127 * 257, np.uint16))
    assert mean_of(encode(deep)) == pytest.approx([127] * 3, abs=2)
    clear = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    assert mean_of(encode(clear)) == pytest.approx([255] * 3, abs=2)


def test_a_model_with_a_hostile_name_is_refused(tmp_path, capsys):
    evil = dataclasses.replace(FACES, name="../../evil")
    columns = make_columns(20, 2, 0) | {"../../evil": [[]] * 20}
    assert main([str(write_run(tmp_path / "run", columns, [*MODELS, evil]))]) == 2
    assert "does not describe its models" in capsys.readouterr().err
