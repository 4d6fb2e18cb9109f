"""Tables in Markdown, and their place in bench/README.md."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import psutil

from bench.context import Verdict
from bench.load import Measured
from bench.service import ROOT

README, SCORING_README = ROOT / "bench" / "README.md", ROOT / "scoring" / "README.md"
COLUMNS = ("photos/s", "median ms", "p99 ms", "CPU ms per photo", "failed")


def make_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first are set right."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += ["| " + " | ".join(show(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def show(cell: object) -> str:
    """Numbers with the digits that mean something."""
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"


def summarise(rounds: Sequence[Measured]) -> list[object]:
    """Medians over the rounds, in the order of COLUMNS."""
    middle = [median(getattr(each, name) for each in rounds) for name in ("rate", "median", "p99", "cpu")]
    return [*middle, sum(each.failed for each in rounds)]


def compare(rounds: Sequence[Measured], base: Sequence[Measured], name: str = "rate") -> float:
    """Median over the rounds of the ratio to the base of the same round."""
    return median(getattr(each, name) / getattr(other, name) for each, other in zip(rounds, base, strict=True))


def describe_machine() -> str:
    """The machine, and what else kept it busy when the measurement began."""
    names = ("nvidia-pytriton", "onnxruntime", "openvino", "numpy", "Pillow", "gunicorn", "grpcio")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    idle = psutil.cpu_times_percent(1.0).idle
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit.stdout.strip() or 'unknown'}. "
        f"{len(os.sched_getaffinity(0))} cores ({read_processor()}), {psutil.virtual_memory().total / 2**30:.0f} GiB; "
        f"Python {platform.python_version()}, {packages}. Before the measurement other processes took "
        f"{100 - idle:.0f} % of the processor."
    )


def read_processor() -> str:
    match = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return match[1] if match else platform.machine()


def write_section(name: str, text: str, path: Path = README) -> None:
    """Put `text` between the section's two marks. Raises ValueError for a file without them."""
    before = path.read_text(encoding="utf-8")
    mark = rf"(<!-- bench {name} -->\n).*?(<!-- end {name} -->)"
    after, count = re.subn(mark, lambda match: f"{match[1]}{text.strip()}\n{match[2]}", before, flags=re.DOTALL)
    if not count:
        raise ValueError(f"{path} has no section {name}")
    path.write_text(after, encoding="utf-8")


def show_verdicts(verdicts: Iterable[Verdict]) -> str:
    """What became of the aims."""
    rows = [[each.aim, each.bound, each.value, "yes" if each.reached else "**no**"] for each in verdicts]
    return make_table(["aim", "bound", "measured", "reached"], rows)
