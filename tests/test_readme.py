"""The README shows what the service really answers."""

import shutil

import pytest

from tests.readme import ask, list_shown


@pytest.mark.parametrize(("command", "shown"), list_shown(), ids=[command for command, _ in list_shown()])
def test_answer_is_the_one_shown(gateway_url, command, shown):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    compare(ask(command, gateway_url), shown)


def test_readme_shows_answers():
    assert len(list_shown()) >= 2


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
