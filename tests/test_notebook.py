"""examples/notebook.ipynb runs from top to bottom against the real gateway."""

import shutil

import nbformat
from nbclient import NotebookClient

from tests.conftest import ROOT
from tests.pictures import encode, gradient


def test_notebook_runs(gateway_url, tmp_path, monkeypatch):
    shutil.copy(ROOT / "examples" / "sample.jpg", tmp_path)
    (tmp_path / "plain.png").write_bytes(encode(gradient()))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    monkeypatch.setenv("GATEWAY_URL", gateway_url)
    monkeypatch.setenv("PHOTOS", str(tmp_path))
    notebook = nbformat.read(ROOT / "examples" / "notebook.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert any("cannot decode image" in str(output) for output in outputs)
