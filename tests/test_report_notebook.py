"""examples/impact.ipynb runs from top to bottom: real scoring, real report, and a planted effect that must be found."""

import csv

import nbformat
import pytest
from nbclient import NotebookClient

from report.outcome import WITH_WITHOUT
from tests.conftest import ROOT


@pytest.mark.parametrize(("source", "smiling"), [("made", "too few to compare"), ("faces", "no clear difference")])
def test_notebook_finds_what_was_planted(source, smiling, request, triton_url, tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_URL", triton_url)
    monkeypatch.setenv("WORK", str(tmp_path))
    monkeypatch.delenv("FACES", raising=False)
    if source == "faces":
        monkeypatch.setenv("FACES", str(request.getfixturevalue("shared_data") / "faces"))
    notebook = nbformat.read(ROOT / "examples" / "impact.ipynb", as_version=4)
    # The notebook's own last cell asserts that the effect is found, with the true size in the interval.
    NotebookClient(notebook, timeout=180, resources={"metadata": {"path": str(ROOT)}}).execute()
    rows = list(csv.DictReader((tmp_path / "report" / "outcome.csv").open(newline="")))
    verdicts = {row["attribute"]: row["verdict"] for row in rows if row["comparison"] == WITH_WITHOUT}
    assert verdicts == {"smiling": smiling, "sunglasses": "lower"}
    assert "with it, mean likes lower by" in (tmp_path / "report" / "report.html").read_text()
