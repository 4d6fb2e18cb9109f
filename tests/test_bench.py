"""The measuring commands run and print their tables."""

import subprocess
import sys

from tests.conftest import ROOT


def run(module, *arguments):
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_the_gateway_adds():
    table = run("bench.gateway", "--rounds", "1", "--seconds", "0.3", "--saturation", "2")
    for way in ("grpc", "raw", "multipart"):
        rows = [line for line in table.splitlines() if line.startswith(f"| {way} |")]
        assert len(rows) == 2
        assert all(row.endswith("| 0 |") for row in rows)
