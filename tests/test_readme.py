"""The README shows what the service really answers."""

import re
import shutil

import pytest

from tests.conftest import ROOT
from tests.page.screenshot import PAGE, REPORT
from tests.readme import README, ask, list_shown


@pytest.mark.parametrize(("command", "shown"), list_shown(), ids=[command for command, _ in list_shown()])
def test_answer_is_the_one_shown(gateway_url, command, shown):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    compare(ask(command, gateway_url), shown)


def test_readme_shows_answers():
    assert len(list_shown()) >= 2


def test_links_lead_to_files_and_headings():
    text = README.read_text()
    headings = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in re.findall(r"^#+ (.+)$", text, re.M)}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in headings
        elif "://" not in link:
            assert (ROOT / link).is_file(), link


def test_every_make_target_is_there():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", README.read_text()))
    assert {"demo", "serve"} <= named <= targets


def test_screenshot_is_small():
    assert max(PAGE.stat().st_size, REPORT.stat().st_size) < 300_000


def compare(answer, shown):
    """Alike but for the last digits of numbers, which differ between processors."""
    if isinstance(shown, dict):
        assert set(answer) == set(shown)
        for name, value in shown.items():
            compare(answer[name], value)
    elif isinstance(shown, list):
        assert len(answer) == len(shown)
        for one, other in zip(answer, shown, strict=True):
            compare(one, other)
    elif isinstance(shown, float):
        assert answer == pytest.approx(shown, abs=0.02, rel=0.02)
    else:
        assert answer == shown
