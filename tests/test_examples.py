"""The direct gRPC client of the README."""

import subprocess
import sys

from export.manifest import load_manifest
from tests.conftest import ROOT

NAMES = [model.name for model in load_manifest().models if model.default]


def run(*arguments):
    command = [sys.executable, ROOT / "examples" / "grpc_client.py", ROOT / "examples" / "sample.jpg", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_client_prints_what_was_asked_for(triton_url):
    lines = run("--url", triton_url, "--models", "smiling", "caption").splitlines()
    assert [line.split(":")[0] for line in lines] == ["caption", "smiling"]
    assert "not smiling" in lines[1]


def test_client_prints_everything_by_default(triton_url):
    assert len(run("--url", triton_url).splitlines()) == len(NAMES)


def test_client_sends_several_photos_at_a_time(triton_url):
    sample = ROOT / "examples" / "sample.jpg"
    lines = run(sample, "--url", triton_url, "--models", "smiling").splitlines()
    assert lines[:2] == lines[2:]
    assert lines[0] == f"{sample}:"
