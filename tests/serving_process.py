"""Runs `python -m serving` as a user would: a process, on free ports, with what it printed."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parent.parent
FREE_PORTS = ("--grpc-port", "0", "--metrics-port", "0", "--gateway-port", "0")
SECRET = "secret-of-the-tests"
START_TIMEOUT = 60
KEEP_EXPORTED = shutil.ignore_patterns("config.pbtxt", "vocabularies.json", "__pycache__")


def serve_exported(folder: Path) -> "ServingProcess":
    """What an export has put into `folder`/networks and `folder`/ensembles, with the steps' own code."""
    shutil.copytree(ROOT / "ensembles", folder / "ensembles", dirs_exist_ok=True, ignore=KEEP_EXPORTED)
    repositories = [f"--model-repository={folder / name}" for name in ("networks", "ensembles")]
    return ServingProcess([*repositories, "--ready-timeout=60"])


class ServingProcess:
    """A serving that has printed that it is ready. `urls` maps the printed names to the printed addresses."""

    def __init__(self, arguments: Sequence[str | Path], environment: Mapping[str, str] = MappingProxyType({})) -> None:
        self._process = start_serving(arguments, environment)
        self.urls: dict[str, str] = {}
        self._wait_for("serving: ready")

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> "ServingProcess":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def reload(self) -> str:
        """Send SIGHUP and return the line that says how it went."""
        self._process.send_signal(signal.SIGHUP)
        return self._wait_for("serving: ").splitlines(keepends=True)[-1]

    def wait_until_again(self) -> str:
        """Wait until Triton was started again; what was printed meanwhile."""
        return self._wait_for("serving: ready again")

    def wait(self) -> tuple[int, str]:
        """Exit status and everything printed since it was ready, when it ends by itself."""
        output, _ = self._process.communicate(timeout=START_TIMEOUT)
        return self._process.returncode, output

    def stop(self) -> tuple[int, str]:
        """Exit status and everything printed since it was ready, after SIGTERM."""
        self._process.terminate()
        return self.wait()

    def _wait_for(self, prefix: str) -> str:
        """What was printed up to the first line that starts so."""
        assert self._process.stdout is not None
        printed = []
        for line in self._process.stdout:
            printed.append(line)
            if line.startswith(prefix) and "loading" not in line:
                return "".join(printed)
            name, _, url = line.strip().rpartition(" ")
            self.urls[name.strip()] = url
        raise AssertionError(f"serving ended: {''.join(printed)}")


def start_serving(
    arguments: Sequence[str | Path], environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.Popen:
    """The process, with stdout and stderr in one pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "serving", *FREE_PORTS, *arguments],
        cwd=ROOT,
        env={**os.environ, "SERVING_TRITON_SECRET": SECRET, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_serving(arguments: Sequence[str | Path]) -> tuple[int, str]:
    """Exit status and output of a serving that is expected to end by itself."""
    process = start_serving(arguments)
    output, _ = process.communicate(timeout=START_TIMEOUT)
    return process.returncode, output


def list_descendants(pid: int) -> dict[int, str]:
    """Name of every process below `pid`."""
    parents, names = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := read_status(folder)):
            parents[int(folder.name)], names[int(folder.name)] = int(fields["PPid"]), fields["Name"]
    found = {pid}
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    return {child: names[child] for child in found - {pid}}


def read_status(folder: Path) -> dict[str, str]:
    """The fields of /proc/<pid>/status; none for a process that has just ended."""
    try:
        lines = (folder / "status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
