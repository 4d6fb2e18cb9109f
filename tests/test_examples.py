"""The direct gRPC client of the README."""

import subprocess
import sys

from tests.conftest import ROOT


def run(*arguments):
    command = [sys.executable, ROOT / "examples" / "grpc_client.py", ROOT / "examples" / "sample.jpg", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_client_prints_what_was_asked_for(triton_url):
    lines = run("--url", triton_url, "--outputs", "smiling", "CAPTION").splitlines()
    assert [line.split(":")[0] for line in lines] == ["CAPTION", "smiling"]
    assert "not smiling" in lines[1]


def test_client_prints_everything_by_default(triton_url):
    assert len(run("--url", triton_url).splitlines()) == 8


def test_client_sends_several_photos_at_a_time(triton_url):
    sample = ROOT / "examples" / "sample.jpg"
    lines = run(sample, "--url", triton_url, "--outputs", "smiling").splitlines()
    assert lines[:2] == lines[2:]
    assert lines[0] == f"{sample}:"
