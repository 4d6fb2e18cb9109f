"""Runs of `python -m scoring` that are killed, stopped, and started again in the same folder."""

import json
from pathlib import Path

import pytest

from scoring.dataset import Dataset
from scoring.schema import MANIFEST
from tests.scored import list_parts, read_rows, score, start_scoring, wait_for, write_photos
from tests.serving_process import list_descendants, read_status


def test_killed_run_goes_on(triton_url, count_inferences, tmp_path):
    photos, out = write_photos(tmp_path / "photos", 200), tmp_path / "out"
    arguments = (tmp_path / "photos", "--out", out, "--outputs", "smiling", "--endpoint", triton_url, "--in-flight", 1)
    process = start_scoring(*arguments)
    wait_for(out / "part-000000.parquet")
    (child,) = list_descendants(process.pid)
    process.kill()
    # The child holds the pipe until it has ended, too.
    process.communicate(timeout=30)
    assert read_status(Path(f"/proc/{child}")).get("State", "Z").startswith("Z")
    written = list_parts(out)
    before = count_inferences()
    assert score(*arguments) == 0
    assert [row["source"] for row in read_rows(out)] == [str(photo) for photo in photos]
    assert written.items() <= list_parts(out).items()
    assert count_inferences() - before <= 200 - 16 * len(written)
    assert not list(out.glob(".*"))


def test_what_was_under_way_at_a_kill_is_kept(triton_url, count_inferences, tmp_path):
    write_photos(tmp_path / "photos", 400)
    out, before = tmp_path / "out", count_inferences()
    process = start_scoring(tmp_path / "photos", "--out", out, "--outputs", "smiling", "--endpoint", triton_url)
    wait_for(out / "part-000000.parquet")
    process.kill()
    process.communicate(timeout=30)
    rows = read_rows(out)
    assert {row["error"] for row in rows} == {None}
    assert len(rows) < 400
    # The 32 photos in flight were answered; at most those of a part that is not whole are lost.
    assert count_inferences() - before - len(rows) < 32


def test_second_run_waits_for_the_first(triton_url, tmp_path):
    write_photos(tmp_path / "photos", 3)
    out = tmp_path / "out"
    with Dataset(str(out)).hold():
        process = start_scoring(tmp_path / "photos", "--out", out, "--outputs", "smiling", "--endpoint", triton_url)
        assert process.stderr.readline() == f"scoring: another run is still writing to {out}; waiting for its end\n"
        assert list(out.iterdir()) == []
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(read_rows(out)) == 3


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


def test_stopped_run_says_how_to_go_on(triton_url, tmp_path):
    write_photos(tmp_path / "photos", 200)
    arguments = (tmp_path / "photos", "--out", tmp_path / "out", "--outputs", "smiling", "--endpoint", triton_url)
    process = start_scoring(*arguments, "--in-flight", 1)
    wait_for(tmp_path / "out" / "part-000000.parquet")
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "scoring: stopped; the same command goes on from here"
    assert "Traceback" not in errors
