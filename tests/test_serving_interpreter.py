"""Which Python interpreters can serve: each reason comes with its remedy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serving import interpreter
from serving.interpreter import main

ROOT = Path(__file__).resolve().parent.parent


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


@pytest.mark.parametrize("has_uv", [True, False])
def test_make_takes_uv_where_no_python_fits_and_else_names_the_ways(tmp_path, has_uv):
    """A folder with blanks and signs, and a stand-in for uv, whose download needs a network."""
    folder = tmp_path / "a b & c's (d)"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "serving").symlink_to(ROOT / "serving")
    if has_uv:
        (folder / "uv").write_text(f'#!/bin/sh\necho "$@" > asked\nexec {sys.executable} -m venv --without-pip .venv\n')
        (folder / "uv").chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:/usr/bin:/bin"}
    command = ["make", ".venv/.python", "PYTHONS=no-python"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if has_uv:
        assert (done.returncode, (folder / "asked").read_text()) == (0, "venv --quiet --seed --python 3.12 .venv\n")
        assert "Using uv's Python 3.1" in done.stdout
    else:
        assert done.returncode == 2
        for way in ("pip install uv", "apt-get install python3.12-venv libpython3.12", "docker-compose.yml"):
            assert way in done.stderr
