"""examples/notebook.ipynb runs from top to bottom against the real gateway, on any folder."""

import re
import shutil

import pytest
from PIL import Image

from tests import notebooks
from tests.conftest import ROOT
from tests.pictures import encode, gradient


@pytest.fixture
def run(gateway_url, tmp_path, monkeypatch):
    """Run it on tmp_path; what its cells put out, as text and as a count of plots."""

    def run():
        monkeypatch.setenv("GATEWAY_URL", gateway_url)
        monkeypatch.setenv("PHOTOS", str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", str(ROOT / "client"))
        outputs = list_outputs(notebooks.execute(notebooks.read("notebook")))
        assert [output for output in outputs if output.get("name") == "stderr"] == []
        return str(outputs), sum("image/jpeg" in output.get("data", {}) for output in outputs)

    return run


def list_outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_photos_of_every_kind(run, tmp_path):
    shutil.copy(ROOT / "examples" / "sample.jpg", tmp_path)
    (tmp_path / "again").mkdir()
    with Image.open(ROOT / "examples" / "sample.jpg") as photo:
        photo.resize((300, 300)).save(tmp_path / "again" / "smaller $x_.png")
    (tmp_path / "plain.png").write_bytes(encode(gradient()))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    text, plots = run()
    assert plots == 3
    assert "cannot decode image" in text
    assert "Photos that could be read: 3 of 4" in text
    (pair,) = [line for line in text.split("\\n") if "again/smaller $x_.png" in line and "sample.jpg" in line]
    assert "0.9" in pair


def test_a_folder_without_a_face(run, tmp_path):
    (tmp_path / "plain.png").write_bytes(encode(gradient()))
    text, plots = run()
    assert plots == 2
    assert "No photo shows what the classifiers look at." in text


def test_a_folder_where_nothing_can_be_read(run, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    text, plots = run()
    assert plots == 0
    assert "Photos that could be read: 0 of 1" in text
    assert "cannot decode image" in text


def test_the_photos_come_first():
    plots = [cell.source for cell in notebooks.read("notebook").cells if "image/jpeg" in str(cell.get("outputs"))]
    shown = [next(word for word in ("annotate", "hist", "legend") if word in source) for source in plots]
    assert shown == ["annotate", "hist", "legend"]


@pytest.mark.parametrize("name", notebooks.NAMES)
def test_they_are_kept_with_their_results(name):
    notebook = notebooks.read(name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = list_outputs(notebook)
    assert outputs
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert "Warning" not in str(outputs)
    words = [
        {kind: text for kind, text in output.get("data", output).items() if "image" not in kind} for output in outputs
    ]
    assert re.findall(r"/(?:home|root|tmp|work|Users|usr)/", str(words)) == []
    assert (notebooks.EXAMPLES / f"{name}.ipynb").stat().st_size < 600_000
