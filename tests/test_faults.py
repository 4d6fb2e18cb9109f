"""What nobody has thought of is one line and status 2, in every command."""

import re

import pytest

import export.__main__
import report.__main__
import scoring.__main__
import scoring.run

LINE = r"a fault of the program: KeyError: 'odd' \(test_faults.py:\d+\)"


def break_down(*_, **__):
    raise KeyError("odd")


@pytest.mark.parametrize(
    ("module", "place", "name", "arguments"),
    [
        (export.__main__, export.__main__, "load_manifest", ["list"]),
        (scoring.__main__, scoring.run, "run", ["photos", "--out", "scores"]),
        (report.__main__, report.__main__, "assemble", ["scores"]),
    ],
    ids=["export", "scoring", "report"],
)
def test_a_fault_of_our_own_is_one_line(monkeypatch, capsys, module, place, name, arguments):
    monkeypatch.setattr(place, name, break_down)
    assert module.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(LINE, line)
