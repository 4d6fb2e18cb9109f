"""Starting, stopping, reloading and dying, with the real server and a tiny network."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from serving.backend_directory import lay_out_backends, link_libraries
from serving.installation import find_wheel
from serving.triton import python_directory
from tests.containers.load import load
from tests.serving_process import ROOT, SECRET, ServingProcess, list_descendants, read_status, run_serving
from tests.tiny_networks import write_ensemble, write_network


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    write_network(folder, "first")
    return folder


@pytest.fixture
def serving(repository):
    """A running serving without a gateway; stopped at the end if it still runs."""
    with ServingProcess(["--no-gateway", "--stop-timeout", "2", "--model-repository", repository]) as process:
        yield process


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def list_leftovers(process: ServingProcess, descendants: dict[int, str]) -> list[str]:
    """Processes and shared memory that are still there. A zombie only waits for the init process to take note."""
    states = {name: read_status(Path(f"/proc/{pid}")).get("State", "Z") for pid, name in descendants.items()}
    processes = [name for name, state in states.items() if not state.startswith("Z")]
    return processes + [path.name for path in Path("/dev/shm").glob(f"serving_{process.pid}_*")]


def test_stops_cleanly(serving):
    descendants = list_descendants(serving.pid)
    assert {"tritonserver", "triton_python_b"} <= {name[:15] for name in descendants.values()}
    status, output = serving.stop()
    assert (status, output) == (0, "serving: stopping\n")
    assert list_leftovers(serving, descendants) == []


def test_second_start_names_the_port(serving, repository):
    port = serving.urls["Triton gRPC"].rpartition(":")[2]
    status, output = run_serving(["--no-gateway", "--model-repository", repository, "--grpc-port", port])
    assert status == 1
    assert f"port {port} on 127.0.0.1 is in use, by another serving" in output
    assert "--grpc-port" in output


def test_triton_that_crashes_is_started_again(serving, repository):
    (before,) = [pid for pid, name in list_descendants(serving.pid).items() if name == "tritonserver"]
    os.kill(before, signal.SIGSEGV)
    serving.wait_until_again()
    descendants = list_descendants(serving.pid)
    (after,) = [pid for pid, name in descendants.items() if name == "tritonserver"]
    assert after != before
    with triton.InferenceServerClient(serving.urls["Triton gRPC"]) as client:
        assert client.is_server_ready()
    assert serving.stop()[0] == 0
    assert list_leftovers(serving, descendants) == []


def test_gateway_survives_a_reload_and_its_end_ends_serving(repository):
    write_ensemble(repository, "first")
    with ServingProcess(["--stop-timeout", "2", "--model-repository", repository]) as serving:
        with urlopen(f"{serving.urls['Gateway']}/readyz") as response:
            assert response.status == 200
        assert serving.reload() == "serving: reloaded 1 network and 1 step\n"
        with urlopen(f"{serving.urls['Gateway']}/readyz") as response:
            assert response.status == 200
        descendants = list_descendants(serving.pid)
        gunicorns = [pid for pid, name in descendants.items() if name.startswith(("gunicorn", "python"))]
        os.kill(min(gunicorns), signal.SIGKILL)
        status, output = serving.wait()
    assert status == 1
    assert "serving: the gateway stopped by itself (killed by SIGKILL)" in output
    assert list_leftovers(serving, descendants) == []


def test_gateway_counts_its_requests_and_leaves_no_files(repository, tmp_path, monkeypatch):
    monkeypatch.delenv("CI", raising=False)  # ONNX Runtime reports nothing of a CI's runs
    write_ensemble(repository, "first")
    backends = lay_out_backends(find_wheel(), tmp_path)
    homes = {name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR")}
    for folder in homes.values():
        folder.mkdir()
    with ServingProcess(
        ["--model-repository", repository, "--backend-directory", backends],
        {name: str(path) for name, path in homes.items()},
    ) as serving:
        gateway = serving.urls["Gateway"]
        with urlopen(f"{gateway}/readyz"), urlopen(f"{gateway}/metrics") as response:
            assert 'gateway_requests_total{method="GET",route="/readyz",status="200"}' in response.read().decode()
        assert list(homes["TMPDIR"].glob("gateway-metrics-*"))
        # A container's /tmp lets nothing be run.
        assert [path for path in homes["TMPDIR"].rglob("*.so*") if not path.is_symlink()] == []
        with ThreadPoolExecutor() as pool:
            counts = pool.submit(load, gateway.removeprefix("http://"), b"no photo", clients=8, seconds=4)
            time.sleep(2)
            serving.stop()
        # Who connected while the gateway stopped was answered, and nobody connected after it.
        assert set(counts.result()) == {"500", "refused"}  # the tiny ensemble has no models to ask
    left = [path.name for folder in homes.values() for path in folder.rglob("*")]
    # Nor what ONNX Runtime would tell its maker.
    assert [
        name for name in left if any(text in name for text in ("gunicorn", "onnxruntime", "gateway-", "serving-"))
    ] == []


def test_installation_like_the_container_needs_no_backend_directory(repository, tmp_path):
    """The wheel's server, with its backends where NVIDIA's container has them, and the container's health check."""
    wheel = find_wheel()
    lay_out_backends(wheel, tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tritonserver").symlink_to(wheel.binary)
    (repository / "first/configs").mkdir()
    shutil.copy(repository / "first/config.pbtxt", repository / "first/configs/cuda.pbtxt")
    environment = {
        "LD_LIBRARY_PATH": f"{wheel.libraries}:{link_libraries(tmp_path)}",
        "PATH": f"{python_directory()}:{os.environ['PATH']}",
        "SERVING_MODEL_REPOSITORY": str(repository),
        "SERVING_MODEL_CONFIG_NAME": "cuda",
        "SERVING_GATEWAY": "no",
    }
    with ServingProcess(["--triton-directory", tmp_path], environment) as serving:
        environment["SERVING_GRPC_PORT"] = serving.urls["Triton gRPC"].rpartition(":")[2]
        assert check_health(environment) == 0
    assert check_health(environment) == 1


def check_health(environment: dict[str, str]) -> int:
    command = [sys.executable, "-m", "serving.health"]
    return subprocess.run(command, env={**os.environ, **environment}, cwd=ROOT, check=False).returncode


def test_killed_serving_leaves_no_server(serving):
    descendants = list_descendants(serving.pid)
    os.kill(serving.pid, signal.SIGKILL)
    serving.wait()
    wait_until(lambda: not list_leftovers(serving, descendants))


def test_reload_adds_and_removes_models(serving, repository):
    with triton.InferenceServerClient(serving.urls["Triton gRPC"]) as client:
        second = write_network(repository, "second")
        assert serving.reload() == "serving: reloaded 2 networks\n"
        assert client.is_model_ready("second")
        second.rename(repository.parent / "away")
        assert serving.reload() == "serving: reloaded 1 network\n"
        assert not client.is_model_ready("second")
        assert client.is_model_ready("first")


def test_failed_reload_keeps_the_former_model(serving, repository):
    with triton.InferenceServerClient(serving.urls["Triton gRPC"]) as client:
        (repository / "first/1/model.onnx").write_bytes(b"no network")
        assert "model 'first' is not reloaded" in serving.reload()
        assert client.is_model_ready("first")


def test_model_control_needs_the_secret(serving):
    with triton.InferenceServerClient(serving.urls["Triton gRPC"]) as client:
        with pytest.raises(InferenceServerException, match="UNAVAILABLE"):
            client.unload_model("first")
        client.unload_model("first", headers={"triton-grpc-protocol-serving": SECRET})


def test_broken_model_is_named_with_its_reason(repository):
    write_network(repository, "broken", 'default_model_filename: "nowhere.onnx"')
    status, output = run_serving(["--no-gateway", "--model-repository", repository])
    assert status == 1
    assert "failed to load 'broken' version 1" in output
    assert "cannot load" in output
    assert "nowhere.onnx" in output
