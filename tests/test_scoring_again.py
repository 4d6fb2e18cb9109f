"""Runs of `python -m scoring` that are killed, stopped, and started again in the same folder."""

import json
import signal
import subprocess
import time

import pytest

from scoring.batches import BATCH_ROWS
from scoring.dataset import Dataset
from scoring.schema import MANIFEST
from tests.scored import list_parts, read_rows, score, start_scoring, wait_for, write_photos


def test_killed_run_goes_on(triton_url, count_inferences, tmp_path):
    photos, out = write_photos(tmp_path / "photos", 4 * BATCH_ROWS), tmp_path / "out"
    arguments = (tmp_path / "photos", "--out", out, "--outputs", "smiling", "--endpoint", triton_url)
    process = start_scoring(*arguments)
    wait_for(out / "part-000000.parquet")
    process.kill()
    process.communicate(timeout=30)
    # Triton still answers what was under way.
    time.sleep(1)
    written = list_parts(out)
    before = count_inferences()
    assert score(*arguments) == 0
    assert [row["source"] for row in read_rows(out)] == [str(photo) for photo in photos]
    assert written.items() <= list_parts(out).items()
    assert count_inferences() - before <= len(photos) - BATCH_ROWS * len(written)
    assert not list(out.glob(".*"))


def test_part_with_failed_rows_asks_for_those_alone(triton_url, count_inferences, tmp_path):
    photos, out = write_photos(tmp_path / "photos", 40), tmp_path / "out"
    table = tmp_path / "table.csv"
    table.write_text("path,id\n" + "".join(f"photos/{photo.name},{place:03}\n" for place, photo in enumerate(photos)))
    aside = photos[7].rename(tmp_path / "aside.png")
    arguments = (table, "--out", out, "--outputs", "smiling", "--endpoint", triton_url)
    assert score(*arguments) == 1
    first, before = read_rows(out), count_inferences()
    aside.rename(photos[7])
    assert score(*arguments) == 0
    rows = read_rows(out)
    assert count_inferences() - before == 1
    assert [row["id"] for row in rows] == [f"{place:03}" for place in range(40)]
    assert [row["error"] for row in rows] == [None] * 40
    assert [rows[place] for place in range(40) if place != 7] == [first[place] for place in range(40) if place != 7]


def test_two_runs_do_not_write_together(triton_url, tmp_path, capsys):
    write_photos(tmp_path / "photos", 3)
    out = tmp_path / "out"
    arguments = (tmp_path / "photos", "--out", out, "--outputs", "smiling", "--endpoint", triton_url)
    with Dataset(str(out)).lock():
        assert score(*arguments) == 2
    assert f"another run is writing to {out}" in capsys.readouterr().err
    assert score(*arguments) == 0


@pytest.mark.parametrize("change", ["sources", "models", "photos"])
def test_parts_of_another_run_are_not_mixed(triton_url, tmp_path, capsys, change):
    write_photos(tmp_path / "photos", 3)
    out = tmp_path / "out"
    arguments = [tmp_path / "photos", "--out", out, "--outputs", "smiling", "--endpoint", triton_url]
    assert score(*arguments) == 0
    if change == "sources":
        arguments[0] = write_photos(tmp_path / "others", 1)[0]
    elif change == "models":
        manifest = json.loads((out / MANIFEST).read_text())
        manifest["models"]["smiling"]["checksum"] = "sha256:of-another-network"
        (out / MANIFEST).write_text(json.dumps(manifest))
    else:
        write_photos(tmp_path / "photos", 1, first=3)
    capsys.readouterr()
    assert score(*arguments) == 2
    message = capsys.readouterr().err
    assert "--restart" in message
    assert {"sources": "others", "models": "sha256:of-another-network →", "photos": "another"}[change] in message
    assert score(*arguments, "--restart") == 0
    assert len(read_rows(out)) == {"sources": 1, "models": 3, "photos": 4}[change]


@pytest.mark.parametrize("text", ["[]", "{}", '{"models": 5}', '{"models": {"smiling": 1}}', "half of"])
def test_damaged_manifest_is_refused(triton_url, tmp_path, capsys, text):
    (photo,) = write_photos(tmp_path / "photos", 1)
    (tmp_path / MANIFEST).write_text(text)
    arguments = (photo, "--out", tmp_path, "--outputs", "smiling", "--endpoint", triton_url)
    assert score(*arguments) == 2
    assert f"{tmp_path}/{MANIFEST} is damaged: " in (message := capsys.readouterr().err)
    assert "give --restart" in message
    assert score(*arguments, "--restart") == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_run_says_how_to_go_on(triton_url, tmp_path, number):
    write_photos(tmp_path / "photos", 4 * BATCH_ROWS)
    out = tmp_path / "out"
    process = start_scoring(tmp_path / "photos", "--out", out, "--outputs", "smiling", "--endpoint", triton_url)
    wait_for(out / "part-000000.parquet")
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "scoring: stopped; the same command goes on from here"
    assert "Traceback" not in errors
    rows = read_rows(out)
    assert {row["error"] for row in rows} == {None}
    assert len(rows) < 4 * BATCH_ROWS


def test_second_signal_ends_a_run_that_waits(between, tmp_path):
    write_photos(tmp_path / "photos", 300)
    out = tmp_path / "out"
    between.gate.clear()
    process = start_scoring(tmp_path / "photos", "--out", out, "--outputs", "smiling", "--endpoint", between.url)
    while not between.inferences:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert list_parts(out) == {}
