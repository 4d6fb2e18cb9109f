"""examples/notebook.ipynb runs from top to bottom against the real gateway, on any folder."""

import shutil

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

from tests.conftest import ROOT
from tests.pictures import encode, gradient


@pytest.fixture
def run(gateway_url, tmp_path, monkeypatch):
    """Run it on tmp_path; what its cells put out, as text and as a count of plots."""

    def run():
        monkeypatch.setenv("GATEWAY_URL", gateway_url)
        monkeypatch.setenv("PHOTOS", str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", str(ROOT / "client"))
        notebook = nbformat.read(ROOT / "examples" / "notebook.ipynb", as_version=4)
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        return str(outputs), sum("image/png" in output.get("data", {}) for output in outputs)

    return run


def test_photos_of_every_kind(run, tmp_path):
    shutil.copy(ROOT / "examples" / "sample.jpg", tmp_path)
    (tmp_path / "again").mkdir()
    with Image.open(ROOT / "examples" / "sample.jpg") as photo:
        photo.resize((300, 300)).save(tmp_path / "again" / "smaller.png")
    (tmp_path / "plain.png").write_bytes(encode(gradient()))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    text, plots = run()
    assert plots == 3
    assert "cannot decode image" in text
    (pair,) = [line for line in text.split("\\n") if "again/smaller.png" in line and "sample.jpg" in line]
    assert "0.9" in pair


def test_a_folder_without_a_face(run, tmp_path):
    (tmp_path / "plain.png").write_bytes(encode(gradient()))
    text, plots = run()
    assert plots == 2
    assert "No photo shows what the classifiers look at." in text
