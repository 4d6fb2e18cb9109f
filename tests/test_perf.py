"""`make perf`: NVIDIA's perf_analyzer against the running server."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT


def run_perf(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "bench.perf", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)


def test_table_of_the_ensemble_and_of_one_network(triton_url):
    done = run_perf("--url", triton_url, "--concurrency", "1", "--window", "500")
    assert done.returncode == 0, done.stderr
    assert "=== analyze ===" in done.stdout
    assert done.stdout.count("=== ") == 2
    assert done.stdout.count("Concurrency: 1, throughput: ") == 2
    assert "Composing models" in done.stdout


def test_requests_of_several_photos(triton_url):
    done = run_perf(
        "--url", triton_url, "--model", "analyze", "--batch-size", "8", "--concurrency", "1", "--window", "2000"
    )
    assert done.returncode == 0, done.stderr
    assert "Batch size: 8" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--model", "nothing"], "nothing"),
        (["--photo", "nowhere.jpg"], "nowhere.jpg"),
    ],
)
def test_wrong_argument_is_named(triton_url, arguments, reason):
    done = run_perf("--url", triton_url, *arguments)
    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
