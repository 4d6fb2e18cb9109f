"""examples/impact.ipynb runs from top to bottom: real scoring, real report, and a planted effect that must be found."""

import csv
import re

import pytest

from report.outcome import WITH_WITHOUT
from tests import notebooks


@pytest.mark.parametrize(("source", "smiling"), [("made", "too few to compare"), ("faces", "no clear difference")])
def test_notebook_finds_what_was_planted(source, smiling, request, triton_url, tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_URL", triton_url)
    monkeypatch.setenv("WORK", str(tmp_path / "work"))
    monkeypatch.delenv("FACES", raising=False)
    if source == "faces":
        monkeypatch.setenv("FACES", str(request.getfixturevalue("shared_data") / "faces"))
    # The notebook's own last cell asserts that the effect is found, with the true size in the interval.
    text = str([cell.get("outputs") for cell in notebooks.execute(notebooks.read("impact")).cells])
    assert "Warning" not in text
    assert int(re.search(r"sunglasses: right in (\d+)%", text)[1]) > 80
    report = tmp_path / "work" / "report"
    rows = list(csv.DictReader((report / "outcome.csv").open(newline="")))
    verdicts = {row["attribute"]: row["verdict"] for row in rows if row["comparison"] == WITH_WITHOUT}
    assert verdicts == {"smiling": smiling, "sunglasses": "lower"}
    assert "with it, mean likes lower by" in (report / "report.html").read_text()
