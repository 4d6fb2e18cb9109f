"""Listing, checking, rolling back and removing exported models."""

import pytest

from export.__main__ import main
from export.repository import Repository
from tests import checkpoints
from tests.test_export import run, tree


@pytest.fixture
def folder(tmp_path):
    """Two classifiers, the first in two versions."""
    text = "# kept comment\n" + checkpoints.torch_entry(tmp_path)
    checkpoints.write_manifest(tmp_path, text, checkpoints.keras_entry(tmp_path))
    assert run(tmp_path) == 0
    assert run(tmp_path, "colour", "--force") == 0
    return tmp_path


def read_config(folder, name="colour"):
    return (folder / "networks" / name / "config.pbtxt").read_text()


def test_closing_table_lists_every_model(folder, capsys):
    assert run(folder, "--list") == 0
    table, words = capsys.readouterr().out.split("\n\n")
    headings, *rows = table.splitlines()
    assert headings.split()[:3] == ["model", "version", "kept"]
    assert {f"{heading}:" for heading in headings.split()} <= set(words.split())
    assert [row.split()[:2] for row in rows] == [["colour", "2"], ["hat", "1"]]


def test_check_passes_on_what_was_exported(folder, capsys):
    before = tree(folder)
    assert run(folder, "--check") == 0
    assert "2 models hold" in capsys.readouterr().out
    assert tree(folder) == before


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("networks/colour/2/model.onnx", "not the file that was certified"),
        ("colour.pt", "changed since colour was exported"),
    ],
)
def test_check_names_a_file_that_changed(folder, capsys, file, words):
    with (folder / file).open("ab") as changed:
        changed.write(b"x")
    assert run(folder, "--check") == 2
    assert words in capsys.readouterr().err


def test_check_names_an_entry_that_changed(folder, capsys):
    manifest = folder / "models.toml"
    manifest.write_text(manifest.read_text().replace("[0.4, 0.5, 0.6]", "[0.4, 0.5, 0.7]"))
    assert run(folder, "--check", "colour") == 2
    assert "the entry changed" in capsys.readouterr().err


def test_an_earlier_version_is_served_and_survives_new_ones(folder):
    newest = read_config(folder)
    assert run(folder, "colour", "--set-version", "1") == 0
    assert "versions: 1" in read_config(folder)
    assert "# kept comment" in (folder / "models.toml").read_text()
    for _ in range(3):
        assert run(folder, "colour", "--force") == 0
    repository = Repository(folder / "networks", folder / "ensembles")
    assert repository.versions("colour") == [1, 4, 5]
    assert '\\"version\\": \\"1\\"' in (folder / "ensembles/analyze/config.pbtxt").read_text()
    assert run(folder, "colour", "--set-version", "newest") == 0
    assert read_config(folder) == newest


def test_a_newer_version_than_the_served_one_is_told(folder, capsys):
    assert run(folder, "colour", "--set-version", "1") == 0
    assert "colour: version 2 is there, but the entry says version = 1" in capsys.readouterr().out


def test_removed_model_leaves_manifest_repository_and_ensemble(folder):
    assert run(folder, "hat", "--remove") == 0
    assert not (folder / "networks/hat").exists()
    assert "hat" not in (folder / "models.toml").read_text()
    assert "hat" not in (folder / "ensembles/analyze/config.pbtxt").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["colour", "--set-version", "7"], "no version 7; kept are 1, 2"),
        (["--set-version", "1"], "exactly one NAME"),
        (["--remove"], "exactly one NAME"),
        (["nobody", "--remove"], "no model nobody"),
        (["../networks/hat", "--remove"], "no model ../networks/hat"),
    ],
)
def test_wrong_use_changes_nothing(folder, capsys, arguments, words):
    before = tree(folder)
    assert run(folder, *arguments) == 2
    assert words in capsys.readouterr().err
    assert tree(folder) == before


def test_actions_are_words_too(folder, capsys):
    assert run(folder, "list") == 0
    assert "colour" in capsys.readouterr().out
    assert run(folder, "check", "hat") == 0
    assert "1 model holds what its certificate says" in capsys.readouterr().out
    assert run(folder, "remove", "hat") == 0
    assert not (folder / "networks/hat").exists()


def test_the_network_of_a_renamed_entry_is_told_and_removed(folder, capsys):
    manifest = folder / "models.toml"
    manifest.write_text(manifest.read_text().replace("models.hat", "models.cap"))
    assert run(folder) == 0
    told = 'hat: no entry has this name any more, but Triton loads it: make export ARGS="remove hat", then make reload'
    assert told in capsys.readouterr().out
    before = manifest.read_text()
    assert run(folder, "remove", "hat") == 0
    assert not (folder / "networks/hat").exists()
    assert (folder / "networks/cap/1/model.onnx").is_file()
    assert "no entry has this name" not in capsys.readouterr().out
    assert manifest.read_text() == before


def test_a_network_that_export_did_not_make_is_never_removed(folder, capsys):
    (folder / "networks/theirs").mkdir()
    (folder / "networks/theirs/config.pbtxt").write_text('backend: "onnxruntime"')
    assert run(folder, "list") == 0
    assert f"export did not make it, but Triton loads it: if nobody needs it delete {folder}" in capsys.readouterr().out
    before = tree(folder)
    assert run(folder, "remove", "theirs") == 2
    assert "no model theirs in the manifest" in capsys.readouterr().err
    assert tree(folder) == before


def test_a_detector_that_others_look_at_stays(tmp_path, capsys):
    looking = checkpoints.torch_entry(tmp_path) + checkpoints.LOOKING
    checkpoints.write_manifest(tmp_path, checkpoints.bright_entry(tmp_path), looking)
    assert run(tmp_path) == 0
    before = tree(tmp_path)
    assert run(tmp_path, "remove", "bright") == 2
    assert "bright cannot be removed: " in (message := capsys.readouterr().err)
    assert "model colour: region.of takes a detector" in message
    assert tree(tmp_path) == before


def test_last_model_stays(tmp_path, capsys):
    checkpoints.write_manifest(tmp_path, checkpoints.torch_entry(tmp_path))
    assert run(tmp_path) == 0
    assert run(tmp_path, "colour", "--remove") == 2
    assert "the last model" in capsys.readouterr().err


def test_help_and_versions_that_are_none(capsys):
    with pytest.raises(SystemExit):
        main(["colour", "--set-version", "old"])
    assert "numbers from 1, and newest" in capsys.readouterr().err
