"""`python -m scoring` against the real server: sources, rows, errors, resuming."""

import re
import tarfile
import time
from dataclasses import replace

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from contract.card import Catalog
from scoring.__main__ import make_parser
from scoring.batches import BATCH_ROWS, cut
from scoring.errors import ModelsChanged
from scoring.job import Job
from scoring.schema import read_metadata
from scoring.scorer import REQUEST_BYTES, Scorer
from scoring.sources import Sources
from scoring.triton import RetryingClient
from tests.conftest import ROOT
from tests.relay import Relay
from tests.scored import add_member, list_parts, make_photo, read_rows, score, start_scoring, wait_for, write_photos


def test_rows_say_what_the_ensemble_says(triton_url, analyze, sample_photo, tmp_path):
    (tmp_path / "sample.jpg").write_bytes(sample_photo)
    assert score(tmp_path, "--out", tmp_path / "out", "--endpoint", triton_url) == 0
    (row,) = read_rows(tmp_path / "out")
    answer = {name: tensor[0] for name, tensor in analyze(sample_photo).items()}
    assert [row["width"], row["height"]] == answer["IMAGE_SIZE"].tolist()
    assert row["smiling"] == row["faces"][0]["attributes"]["smiling"] == pytest.approx(answer["smiling"][0, 1])
    assert row["caption"] == answer["caption"][0].decode()
    assert row["caption_score"] == pytest.approx(answer["caption_score"][0])
    scores = [score for score in answer["objects_scores"] if score >= analyze.catalog().cards["objects"].min_score]
    assert [found["score"] for found in row["objects"]] == pytest.approx(scores)
    x1, y1, x2, y2 = answer["objects_boxes"][0]
    assert [row["objects"][0][side] for side in ("x", "y", "width", "height")] == pytest.approx(
        [x1, y1, x2 - x1, y2 - y1]
    )
    assert row["error"] is None
    assert row["seconds"] > 0
    models = read_metadata(parquet.read_schema(tmp_path / "out" / "part-000000.parquet"))["models"]
    assert dict(row["models"]) == {name: f"{card['version']} {card['checksum']}" for name, card in models.items()}


def test_every_photo_is_one_row(triton_url, count_inferences, tmp_path, capsys):
    photos = write_photos(tmp_path / "photos", 70)
    photos[5].write_bytes(b"no picture")
    for copy in (6, 68):
        photos[copy].write_bytes(photos[1].read_bytes())
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    before = count_inferences()
    status = score(tmp_path / "photos", "--out", tmp_path / "out", "--outputs", "smiling", "--endpoint", triton_url)
    assert status == 0
    rows = read_rows(tmp_path / "out")
    assert [row["source"] for row in rows] == [str(photo) for photo in photos]
    assert [row["source"] for row in rows if row["error"]] == [str(photos[5])]
    assert rows[5]["error"].startswith("picture: cannot decode image")
    assert rows[1]["smiling"] == rows[6]["smiling"] == rows[68]["smiling"]
    assert 67 <= count_inferences() - before < 70
    assert "caption" not in rows[0]
    assert "70 photos; 1 broken, 0 failed" in capsys.readouterr().err


@pytest.mark.parametrize(("request_bytes", "requests"), [(REQUEST_BYTES, 8), (1, 64)])
def test_requests_are_full_unless_photos_are_large(triton_url, analyze, tmp_path, monkeypatch, request_bytes, requests):
    monkeypatch.setattr("scoring.scorer.REQUEST_BYTES", request_bytes)
    write_photos(tmp_path / "photos", 8 * analyze.catalog().max_batch_size)
    before = analyze.count_requests()
    arguments = (tmp_path / "photos", "--out", tmp_path / "out", "--outputs", "smiling", "--endpoint", triton_url)
    assert score(*arguments) == 0
    assert analyze.count_requests() - before == requests


def test_broken_picture_fails_no_neighbour(triton_url, analyze, tmp_path):
    photos = write_photos(tmp_path / "photos", 16)
    photos[3].write_bytes(b"no picture")
    assert score(tmp_path / "photos", "--out", tmp_path / "out", "--endpoint", triton_url) == 0
    rows = read_rows(tmp_path / "out")
    assert [row["source"] for row in rows] == [str(photo) for photo in photos]
    broken = rows.pop(3)
    assert broken["error"].startswith("picture: cannot decode image: ")
    assert broken["smiling"] is broken["caption"] is broken["objects"] is None
    answers = [analyze(photo.read_bytes()) for photo in photos if photo != photos[3]]
    assert [row["error"] for row in rows] == [None] * 15
    assert [row["caption_score"] for row in rows] == pytest.approx(
        [answer["caption_score"][0, 0] for answer in answers], abs=1e-3
    )
    assert [row["caption"] for row in rows] == [answer["caption"][0][0].decode() for answer in answers]
    floor = analyze.catalog().cards["objects"].min_score
    assert [len(row["objects"]) for row in rows] == [(answer["objects_scores"][0] >= floor).sum() for answer in answers]


def test_table_carries_its_columns(triton_url, tmp_path):
    write_photos(tmp_path / "photos", 3)
    rows = {"user": ["ann", "bob", "ann", "cy"], "likes": [1, 2, 3, 4], "seconds": [0.5] * 4}
    paths = ["photos/0000.png", "photos/0001.png", "photos/gone.png", str(tmp_path / "photos/0002.png")]
    csv.write_csv(pa.table({"path": paths, **rows}), tmp_path / "table.csv")
    status = score(tmp_path / "table.csv", "--out", tmp_path / "out", "--outputs", "smiling", "--endpoint", triton_url)
    assert status == 1
    scored = read_rows(tmp_path / "out")
    assert list(scored[0])[:4] == ["user", "likes", "table_seconds", "source"]
    assert [row["likes"] for row in scored] == ["1", "2", "3", "4"]
    assert [row["error"] for row in scored] == [None, None, "source: No such file or directory", None]


def test_parquet_with_the_files_in_it(triton_url, tmp_path):
    table = pa.table({"photo": [make_photo(0), None, make_photo(2)], "likes": pa.array([1, 2, 3], pa.int16())})
    parquet.write_table(table, tmp_path / "table.parquet", row_group_size=2)
    arguments = (
        tmp_path / "table.parquet",
        "--out",
        tmp_path / "out",
        "--outputs",
        "smiling",
        "--endpoint",
        triton_url,
    )
    assert score(*arguments) == 1
    scored = parquet.read_table(tmp_path / "out")
    assert scored.schema.field("likes").type == pa.int16()
    assert scored["source"].to_pylist() == [f"{tmp_path}/table.parquet#{row}" for row in range(3)]
    assert [error is None for error in scored["error"].to_pylist()] == [True, False, True]


def test_shards_and_globs(triton_url, tmp_path):
    for shard in range(2):
        with tarfile.open(tmp_path / f"{shard}.tar", "w") as tar:
            for number in range(3):
                add_member(tar, f"{number}.png", make_photo(10 * shard + number))
                add_member(tar, f"{number}.json", b"{}")
    whole = (tmp_path / "1.tar").read_bytes()
    (tmp_path / "1.tar").write_bytes(whole[:12000])
    status = score(tmp_path / "*.tar", "--out", tmp_path / "out", "--outputs", "smiling", "--endpoint", triton_url)
    assert status == 1
    rows = read_rows(tmp_path / "out")
    good = [row["source"] for row in rows if row["error"] is None]
    assert good[:3] == [f"{tmp_path}/0.tar/{number}.png" for number in range(3)]
    assert rows[-1]["source"] == f"{tmp_path}/1.tar"
    assert rows[-1]["error"].startswith("source: the shard cannot be read from here on")


def test_service_that_goes_away_fails_rows_until_the_next_run(triton_url, tmp_path):
    photos, out = write_photos(tmp_path / "photos", 3 * BATCH_ROWS), tmp_path / "out"
    relay = Relay(triton_url)
    arguments = (tmp_path / "photos", "--out", out, "--outputs", "smiling", "--endpoint", relay.address)
    process = start_scoring(*arguments, "--in-flight", 1, "--patience", 0.5)
    wait_for(out / "part-000000.parquet")
    relay.stop()
    process.communicate(timeout=60)
    assert process.returncode == 1
    rows = read_rows(out)
    assert [row["source"] for row in rows] == [str(photo) for photo in photos]
    assert {row["error"].split(": ")[1] for row in rows if row["error"]} == {"UNAVAILABLE"}
    relay.start()
    assert score(*arguments) == 0
    relay.stop()
    assert [row["error"] for row in read_rows(out)] == [None] * len(photos)


def test_endpoint_that_dies_is_left_out_and_taken_back(triton_url, tmp_path):
    write_photos(tmp_path / "photos", 4 * BATCH_ROWS)
    out, relays = tmp_path / "out", [Relay(triton_url), Relay(triton_url)]
    endpoints = ",".join(relay.address for relay in relays)
    arguments = (tmp_path / "photos", "--out", out, "--outputs", "smiling", "--in-flight", 2)
    process = start_scoring(*arguments, "--endpoint", endpoints)
    wait_for(out / "part-000000.parquet")
    passed_before = relays[0].passed
    relays[0].stop()
    time.sleep(0.3)
    relays[0].passed = 0
    relays[0].start()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert passed_before > 0
    assert relays[0].passed > 0
    assert [row["error"] for row in read_rows(out)] == [None] * 4 * BATCH_ROWS
    for relay in relays:
        relay.stop()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-folder"], "there is no no-such-folder; a source is a photo, folder, glob"),
        (["no-such-*.jpg"], "no-such-*.jpg holds no photo"),
        (
            ["README.md", "--outputs", "hat"],
            "no model 'hat'; there are caption, embedding, faces, objects, smiling, sunglasses",
        ),
        (["README.md", "--endpoint", "localhost"], "--endpoint takes host:port"),
        (["nothing://bucket/folder"], "nothing://bucket/folder"),
        (["photos.tar.gz"], "only an uncompressed .tar"),
        (["README.md", "--out", "http://127.0.0.1:9/scores"], "--out http://127.0.0.1:9/scores: it takes a folder"),
        (["README.md", "--out", "README.md"], "it takes a folder, or the URI of a store"),
        (["README.md", "--out", "github://nobody:nothing@main/scores"], "it takes a folder, or the URI of a store"),
    ],
)
def test_wrong_arguments(triton_url, tmp_path, capsys, arguments, message):
    assert score("--out", tmp_path / "out", "--endpoint", triton_url, *arguments) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert "fault of the program" not in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *((["--min-score", value], f"'{value}' is no number from 0 to 1") for value in ("nan", "2", "-1", "high")),
        *(
            ([flag, value], f"'{value}' is no number of seconds above 0 and up to 1,000,000")
            for flag in ("--timeout", "--patience")
            for value in ("inf", "nan", "0", "-1", "1e9", "soon")
        ),
        *(([flag, value], f"'{value}' is no whole number above 0") for flag in ("--actors", "--in-flight")
          for value in ("0", "-1", "1.5", "many")),
        (["--out", ""], "argument --out: it is empty; give a path or URI"),
        ([""], "argument SOURCE: it is empty; give a path or URI"),
    ],
)  # fmt: skip
def test_wrong_values(capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        score("--out", "out", *arguments, "README.md")
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_table_without_a_photo_column(triton_url, tmp_path, capsys):
    (tmp_path / "table.csv").write_text("who,likes\nann,1\n")
    assert score(tmp_path / "table.csv", "--out", tmp_path / "out", "--endpoint", triton_url) == 2
    assert "name the column of paths or bytes with --column; there are 'who' (string), 'likes' (string)" in (
        capsys.readouterr().err
    )


def test_no_service(tmp_path, capsys):
    photo = write_photos(tmp_path, 1)[0]
    assert score(photo, "--out", tmp_path / "out", "--endpoint", "127.0.0.1:9", "--patience", 0.5) == 1
    assert "Triton at 127.0.0.1:9 does not answer" in capsys.readouterr().err


def test_readme_explains_every_flag():
    text = (ROOT / "scoring" / "README.md").read_text()
    flags = [
        flag for action in make_parser()._actions for flag in action.option_strings if flag not in ("-h", "--help")
    ]
    assert [flag for flag in flags if f"`{flag}" not in text] == []


def test_models_that_change_during_a_run_end_it(triton_url, tmp_path):
    client = RetryingClient(triton_url, 10.0, 10.0)
    cards = [replace(card, checksum="sha256:of-another-network") for card in client.describe().select(["objects"])]
    client.close()
    nothing = pa.schema([])
    sources = Sources((str(write_photos(tmp_path / "photos", 1)[0]),))
    job = Job(sources, str(tmp_path / "out"), endpoint=triton_url)
    with (
        Scorer(job, Catalog(cards, 8), nothing) as scorer,
        pytest.raises(ModelsChanged, match="objects: 1 sha256:of-another-network → 1 sha256:"),
    ):
        scorer.finish(scorer.start(next(cut(sources.rows(nothing)))))
    assert list_parts(tmp_path / "out") == {}


def test_progress(triton_url, tmp_path, capsys):
    write_photos(tmp_path / "photos", 100)
    score(tmp_path / "photos", "--out", tmp_path / "out", "--outputs", "smiling", "--endpoint", triton_url)
    lines = capsys.readouterr().err
    assert re.search(r"100/100 \[.* photos/s, broken=0, failed=0\]", lines)
    assert re.search(r"^100 photos; 0 broken, 0 failed; [\d.]+ photos/s for 0:00:\d\d; ", lines, re.MULTILINE)
