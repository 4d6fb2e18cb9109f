"""Installs a peer in an environment of its own, runs it, and stops it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from bench.client import WAYS, Plan
from bench.peers.table import CORES, Peer
from bench.service import ROOT, SAMPLE, list_family

ENVIRONMENTS = ROOT / ".bench"
START_SECONDS = 90
# What MLServer reads from its folder; it has no flags.
SERVER_SETTINGS = {"parallel_workers": int(CORES), "metrics_endpoint": None, "debug": False}
MODEL_SETTINGS = {"name": "analyze", "implementation": "bench.peers.mlserver_runtime.Analyze"}


class PeerUnavailable(Exception):
    """A peer cannot be installed or does not start; the message says why."""


def install(name: str, requirements: Sequence[str]) -> Path:
    """The folder of the programs of an environment with these packages; makes it the first time.

    Raises:
        PeerUnavailable: pip refused; its last line.
    """
    folder = ENVIRONMENTS / name
    done = folder / "installed"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        result = subprocess.run([*pip, *requirements], capture_output=True, text=True, check=False)
        if result.returncode:
            raise PeerUnavailable(last_line(result.stderr))
        done.touch()
    return folder / "bin"


@contextmanager
def start_peer(peer: Peer, work: dict[str, Any]) -> Iterator[tuple[str, psutil.Process]]:
    """The peer's address and process, once it answers.

    Raises:
        PeerUnavailable: it ended, or did not answer in time; the last line that it printed.
    """
    programs = install(peer.name, peer.requirements)
    with TemporaryDirectory(prefix=f"{peer.name}-") as name:
        folder, port = Path(name), find_free_port()
        (folder / "work.json").write_text(json.dumps(work))
        write_mlserver_settings(folder, port)
        command = [part.replace("PORT", str(port)).replace("FOLDER", name) for part in peer.command]
        with (folder / "log").open("w") as log:
            process = psutil.Popen(
                [programs / command[0], *command[1:]],
                cwd=ROOT,
                env=make_environment(programs, folder, port),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        url = f"127.0.0.1:{port}" if peer.way == "grpc" else f"http://127.0.0.1:{port}/"
        try:
            wait_until_it_answers(peer, url, process, folder / "log")
            yield url, process
        finally:
            stop(process)


def make_environment(programs: Path, folder: Path, port: int) -> dict[str, str]:
    return {
        **os.environ,
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "BENCH_WORK": str(folder / "work.json"),
        "BENCH_KERAS": str(find_keras_checkpoint()),
        "PORT": str(port),
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def find_keras_checkpoint() -> Path:
    """The manifest's first Keras checkpoint; the folder itself, which Keras refuses, without one."""
    models = tomllib.loads((ROOT / "models.toml").read_text())["models"].values()
    return ROOT / next((model["checkpoint"] for model in models if model["framework"] == "keras"), "")


def write_mlserver_settings(folder: Path, port: int) -> None:
    ports = {"grpc_port": port, "http_port": find_free_port(), "metrics_port": find_free_port()}
    limits = {"grpc_max_message_length": -1}
    (folder / "settings.json").write_text(json.dumps(SERVER_SETTINGS | ports | limits))
    (folder / "model-settings.json").write_text(json.dumps(MODEL_SETTINGS))


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_answers(peer: Peer, url: str, process: psutil.Popen, log: Path) -> None:
    plan = Plan(peer.way, url, (), 1, 0)
    deadline, reason = time.monotonic() + START_SECONDS, ""
    while time.monotonic() < deadline and process.poll() is None:
        try:
            WAYS[peer.way](plan, [SAMPLE.read_bytes()], 0)()
            return
        except Exception as error:  # not there yet, whichever way it says so
            reason = str(error)
            time.sleep(0.3)
    raise PeerUnavailable(last_line(log.read_text()) or reason)


def stop(process: psutil.Process) -> None:
    """End a process and all that it started."""
    family = list_family(process) if process.is_running() else []
    for each in family:
        with suppress(psutil.NoSuchProcess):
            each.terminate()
    _, alive = psutil.wait_procs(family, timeout=5)
    for each in alive:
        each.kill()


def last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:300]
