"""Triton dies, crashes while it loads, or hangs under load: every request is answered, and Triton is started again."""

import os
import re
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import tritonclient.grpc as triton

from serving.backend_directory import lay_out_backends, link_libraries
from serving.installation import find_wheel
from serving.supervisor import STEADY
from serving.triton import python_directory
from tests.serving_process import ROOT, ServingProcess, list_descendants, run_serving, start_serving
from tests.tiny_networks import write_network

CLIENTS = 4
DEADLINE = 15.0 + 2.0 + 1.0  # the gateway's own, the grace that it gives Triton, and the way
STUB = "triton_python_b"
UNHEALTHY = "Triton has lost a process of a model: .* is not healthy"  # by the probe
LOST = f"a process that Triton started for a model has died|{UNHEALTHY}"  # by a look at its processes, or before that


@pytest.fixture(scope="module")
def serving() -> Iterator[ServingProcess]:
    """The bundled models behind a gateway, probed often."""
    with ServingProcess(["--probe-interval=1"]) as process:
        yield process


@contextmanager
def load(url: str, photo: bytes) -> Iterator[Counter]:
    """CLIENTS that send the photo again and again; how many answers came, by status."""
    statuses: Counter = Counter()
    longest = [0.0]
    done = threading.Event()

    def send() -> None:
        while not done.is_set():
            started = time.monotonic()
            try:
                # Another photo each time, as the gateway remembers answers.
                files = {"file": ("a.jpg", photo + secrets.token_bytes(8))}
                answer = httpx.post(f"{url}/v1/analyze", files=files, timeout=60)
            except httpx.HTTPError as error:
                statuses[repr(error)] += 1
                continue
            statuses[answer.status_code] += 1
            longest[0] = max(longest[0], time.monotonic() - started)
            if answer.status_code == 503:
                assert int(answer.headers["Retry-After"]) > 0
                time.sleep(0.1)

    threads = [threading.Thread(target=send) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert longest[0] < DEADLINE


def find(serving: ServingProcess, name: str) -> list[int]:
    return [pid for pid, each in list_descendants(serving.pid).items() if each.startswith(name)]


def kill_stub(serving: ServingProcess, model: str) -> None:
    """One of the model's instances; the others go on."""
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in find(serving, STUB)}
    os.kill(next(pid for pid, line in lines.items() if f"/{model}/" in line), signal.SIGKILL)


def send_signal(serving: ServingProcess, number: signal.Signals, name: str) -> None:
    for pid in find(serving, name):
        os.kill(pid, number)


def kill_while_loading(serving: ServingProcess) -> None:
    """SIGKILL, and once more as soon as the next Triton loads its models."""
    before = find(serving, "tritonserver")
    send_signal(serving, signal.SIGKILL, "tritonserver")
    while not (after := find(serving, "tritonserver")) or after == before:
        time.sleep(0.05)
    send_signal(serving, signal.SIGKILL, "tritonserver")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda serving: send_signal(serving, signal.SIGABRT, "tritonserver"), "killed by SIGABRT"),
        (lambda serving: send_signal(serving, signal.SIGSEGV, "tritonserver"), "killed by SIGSEGV"),
        (kill_while_loading, "killed by SIGKILL.*killed by SIGKILL.* started again in 3 s"),
        (lambda serving: send_signal(serving, signal.SIGSTOP, "tritonserver"), "Triton does not say what"),
        (lambda serving: send_signal(serving, signal.SIGSTOP, STUB), UNHEALTHY),
        (lambda serving: kill_stub(serving, "preprocess"), LOST),
        (lambda serving: kill_stub(serving, "smiling"), LOST),
    ],
    ids=[
        *("aborted", "crashed", "killed while loading", "stopped", "ready without answers"),
        *("stub of a step killed", "stub of a network for regions killed"),
    ],
)
def test_every_request_is_answered_and_triton_comes_back(serving, sample_photo, harm, reason):
    with load(serving.urls["Gateway"], sample_photo) as statuses:
        time.sleep(STEADY)
        harm(serving)
        said = " ".join(line for line in serving.wait_until_again().splitlines() if line.startswith("serving:"))
        assert re.search(reason, said)
        before, end = statuses[200], time.monotonic() + DEADLINE
        while statuses[200] == before:
            assert time.monotonic() < end
            time.sleep(0.1)
    assert set(statuses) <= {200, 500, 503, 504}  # 500: what Triton says when a stub is away


def test_stubs_that_die_as_they_start_are_seen_at_once(tmp_path):
    write_network(tmp_path / "repository", "first")
    wheel = find_wheel()
    lay_out_backends(wheel, tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tritonserver").symlink_to(wheel.binary)
    stub = tmp_path / "backends/python/triton_python_backend_stub"
    stub.unlink()
    stub.write_text("#!/bin/sh\necho no library for this stub\nexit 127\n")
    stub.chmod(0o755)
    environment = {
        "LD_LIBRARY_PATH": f"{wheel.libraries}:{link_libraries(tmp_path)}",
        "PATH": f"{python_directory()}:{os.environ['PATH']}",
    }
    started = time.monotonic()
    arguments = ["--no-gateway", "--model-repository", tmp_path / "repository", "--triton-directory", tmp_path]
    process = start_serving(arguments, environment)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "a process that Triton started for a model has died\n" in output
    assert "no library for this stub" in output
    assert time.monotonic() - started < 30


def test_a_folder_with_blanks_and_signs_is_served_from(tmp_path):
    """Triton 24.10 hands the paths of models to a shell as they are."""
    folder = tmp_path / "a b & touch here; it's"
    write_network(folder, "first")
    with (
        ServingProcess(["--no-gateway", "--model-repository", folder]) as process,
        triton.InferenceServerClient(process.urls["Triton gRPC"]) as client,
    ):
        assert client.is_model_ready("first")
    assert not (ROOT / "here").exists()


def test_names_of_models_and_temporary_folders_that_a_shell_would_take_apart_are_refused(tmp_path, monkeypatch):
    write_network(tmp_path / "repository", "a b")
    status, output = run_serving(["--no-gateway", "--model-repository", tmp_path / "repository"])
    assert (status, len(output.splitlines())) == (2, 1)
    assert "serving: the name of the model 'a b' has characters that mean something to a shell" in output
    (tmp_path / "repository/a b").rename(tmp_path / "repository/a")
    (tmp_path / "t t").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "t t"))
    status, output = run_serving(["--no-gateway", "--model-repository", tmp_path / "repository"])
    assert (status, len(output.splitlines())) == (2, 1)
    assert "serving: the folder for temporary files" in output
