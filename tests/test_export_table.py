"""What the closing table says beside its rows, and an export that changes nothing."""

import re

import pytest

from export.wording import count_nouns
from tests import checkpoints
from tests.test_export import run, tree
from tests.test_export_files import READY, write_onnx


def test_a_dry_run_converts_compares_and_changes_nothing(tmp_path, capsys):
    write_onnx(tmp_path / "ready.onnx")
    checkpoints.write_manifest(tmp_path, READY)
    before = tree(tmp_path)
    assert run(tmp_path, "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "comparing with onnx on 1 picture …" in printed
    assert read_row(printed)["version"] == "dry run"
    assert printed.endswith("Dry run: smiling passed. Nothing was written.\n")
    assert tree(tmp_path) == before
    assert not (tmp_path / "networks").exists()
    checkpoints.write_manifest(tmp_path, READY.replace('["no", "yes"]', '["no", "yes", "both"]'))
    assert run(tmp_path, "--dry-run") == 2


def read_row(printed):
    """The first row of the table, by its headings; cells are two blanks apart."""
    headings, row, *_ = (line for line in printed.splitlines() if "…" not in line)
    starts = [headings.index(name) for name in re.split(" {2,}", headings)]
    cells = [row[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
    return dict(zip(re.split(" {2,}", headings), cells, strict=True))


def test_a_dry_run_shows_what_it_measured_and_not_the_served_version(tmp_path, capsys):
    write_onnx(tmp_path / "ready.onnx")
    checkpoints.write_manifest(tmp_path, READY.replace("models.smiling", "models.colour"))
    assert run(tmp_path) == 0
    served = read_row(capsys.readouterr().out)
    checkpoints.write_manifest(tmp_path, checkpoints.torch_entry(tmp_path) + "atol = 0.1\n")
    before = tree(tmp_path)
    assert run(tmp_path, "--dry-run") == 0
    tried = read_row(capsys.readouterr().out)
    assert tree(tmp_path) == before
    assert (tried["version"], tried["kept"], tried["tolerated"]) == ("dry run", "1", "1e-01")
    assert (served["checkpoint"], tried["checkpoint"]) == ("ready.onnx", "colour.pt")
    assert float(tried["difference"]) > float(served["difference"])
    assert float(tried["seconds"]) >= 0
    assert run(tmp_path) == 0
    written = read_row(capsys.readouterr().out)
    assert {**written, "seconds": ""} == {**tried, "version": "2", "kept": "1, 2", "seconds": ""}


def test_a_dry_run_of_what_did_not_change_says_so(tmp_path, capsys):
    write_onnx(tmp_path / "ready.onnx")
    checkpoints.write_manifest(tmp_path, READY)
    assert run(tmp_path) == 0
    assert "Dry run" not in capsys.readouterr().out
    assert run(tmp_path, "--dry-run") == 0
    assert "Dry run: nothing was converted, as neither entries nor checkpoints changed" in capsys.readouterr().out


@pytest.mark.parametrize("action", ["--remove", "--set-version=1", "--target=cuda", "--configs-only"])
def test_a_dry_run_is_of_exporting_alone(tmp_path, action):
    """Another action would change something."""
    write_onnx(tmp_path / "ready.onnx")
    checkpoints.write_manifest(tmp_path, READY)
    with pytest.raises(SystemExit):
        run(tmp_path, "smiling", "--dry-run", action)


@pytest.mark.parametrize(
    ("number", "noun", "words"), [(1, "picture", "1 picture"), (0, "label", "0 labels"), (2, "class", "2 classes")]
)
def test_nouns_are_counted(number, noun, words):
    assert count_nouns(number, noun) == words
