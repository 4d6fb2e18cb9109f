"""Which Python interpreters can serve: each reason comes with its remedy."""

import sys

import pytest

from serving import interpreter
from serving.interpreter import main


def miss_library(name):
    raise OSError(name)


def test_this_interpreter_can_serve(capsys):
    assert main() == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("owner", "attribute", "value", "reason"),
    [
        (sys, "version_info", (3, 13, 0), "Install Python 3.11 or 3.12"),
        (interpreter.platform, "libc_ver", lambda: ("glibc", "2.31"), "glibc 2.35 or newer, not linux glibc 2.31"),
        (interpreter.platform, "libc_ver", lambda: ("", ""), "glibc 2.35 or newer"),
        (interpreter.importlib.util, "find_spec", lambda name: None, "apt-get install python3"),
        (interpreter.ctypes, "CDLL", miss_library, "apt-get install libpython3"),
    ],
    ids=["Python 3.13", "old glibc", "no glibc", "no venv", "no libpython"],
)
def test_what_is_missing_is_named_with_its_remedy(monkeypatch, capsys, owner, attribute, value, reason):
    monkeypatch.setattr(interpreter.sysconfig, "get_config_var", lambda name: "/nowhere")
    monkeypatch.setattr(owner, attribute, value)
    assert main() == 1
    assert reason in capsys.readouterr().out
