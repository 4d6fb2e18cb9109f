"""What export/README.md says of extending the service is where it says."""

import re

import pytest

from contract.pixels import load_step
from export.entry import ROOT, Framework, Mode

TEXT = (ROOT / "export" / "README.md").read_text()
ROOMS = ("contract", "export", "gateway", "scoring", "report", "client", "examples", "bench")


def read_section(heading):
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def list_tables():
    """Files with a table that has a row per task."""
    files = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    rows = re.compile(r"^ +Task\.[A-Z]+: ", re.MULTILINE)
    return sorted(str(path.relative_to(ROOT)) for path in files if rows.search(path.read_text()))


@pytest.mark.parametrize("file", list_tables())
def test_every_table_of_tasks_is_named(file):
    assert f"`{file}`" in read_section("A new task")


@pytest.mark.parametrize("heading", ["A new framework", "A new task"])
def test_files_that_are_named_are_there(heading):
    names = re.findall(r"`([\w./]+\.(?:py|js|txt))`", read_section(heading))
    assert len(names) > 5
    for name in names:
        assert (ROOT / name).is_file() or (ROOT / "export" / name).is_file(), name


def test_modes_and_frameworks_are_those_of_the_manifest():
    assert set(load_step("preprocess", "geometry").MODES) == set(Mode)
    assert {path.stem for path in (ROOT / "export/frameworks").glob("*.py")} >= set(Framework)
