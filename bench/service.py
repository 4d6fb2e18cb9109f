"""A service of its own for a measurement: `python -m serving` on free ports."""

import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "examples/sample.jpg"


@dataclass(frozen=True)
class Service:
    """Where the service answers (the gateway's URL is empty without one) and its supervisor's process."""

    grpc: str
    gateway: str
    process: psutil.Process

    def memory_bytes(self) -> int:
        """Memory of the service's processes; pages that they share are counted once, in shares."""
        return sum(each.memory_full_info().pss for each in list_family(self.process))


def list_family(process: psutil.Process) -> list[psutil.Process]:
    """The process and all that it started."""
    return [process, *process.children(recursive=True)]


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time of a process and all that it started, since they started."""
    times = [each.cpu_times() for each in list_family(process)]
    return sum(each.user + each.system for each in times)


@contextmanager
def start_service(*arguments: str, root: Path = ROOT, cores: Collection[int] = ()) -> Iterator[Service]:
    """Start what lies in `root`, wait until ready, stop. `cores`: it runs on these alone.

    Raises:
        OSError: the service did not start.
    """
    # Several services may start at once, on a machine that others use too.
    options = ("--grpc-port=0", "--metrics-port=0", "--gateway-port=0", "--ready-timeout=300")
    command = [choose_python(root), "-m", "serving", *options, *arguments]
    if cores:
        command = ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]
    # The gateway logs to stderr; what was wrong with a start is there too.
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        urls = read_urls(process)
        yield Service(urls["Triton gRPC"], urls.get("Gateway", ""), psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


def choose_python(root: Path) -> str:
    """Another commit's own interpreter, where it has one: its packages may differ."""
    own = root / ".venv/bin/python"
    return str(own.absolute()) if root != ROOT and own.exists() else sys.executable


def read_urls(process: subprocess.Popen) -> dict[str, str]:
    """The addresses that serving prints, by name, once everything is ready."""
    assert process.stdout is not None
    urls: dict[str, str] = {}
    for line in process.stdout:
        if line.startswith("serving: ready"):
            return urls
        name, _, url = line.strip().rpartition(" ")
        urls[name.strip()] = url
    raise OSError("the service did not start; `make serve` says why")
