"""One container of the embedded image."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.containers.engine import run
from tests.containers.load import load
from tests.serving_process import ROOT

IMAGE = "image-detection"
PHOTO = ROOT / "examples/sample.jpg"
READY_SECONDS = 500  # for a busy machine, which takes 15 on a calm day
# As the README's line has them.
README_FLAGS = ("--read-only", "--tmpfs", "/tmp", "--shm-size", "1g")
PATIENT = ("-e", f"SERVING_READY_TIMEOUT={READY_SECONDS}")
LOCKED = ("--cap-drop", "ALL", "--security-opt", "no-new-privileges")


class Container:
    """`url`: where its gateway is published on this machine."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def url(self) -> str:
        return f"http://{self.published(8080)}"

    def published(self, port: int) -> str:
        return run("docker", "port", self.name, f"{port}/tcp").split()[0]

    def logs(self) -> str:
        return run("docker", "logs", self.name)

    def wait_for(self, text: str, times: int = 1) -> str:
        """The log, once it has a text as often."""
        end = time.monotonic() + READY_SECONDS
        while len(re.findall(text, log := self.logs())) < times:
            assert time.monotonic() < end, log
            assert self.state("Running") == "true", log
            time.sleep(0.5)
        return log

    def state(self, name: str) -> str:
        return run("docker", "inspect", "--format", f"{{{{.State.{name}}}}}", self.name).strip()

    def kill_triton(self) -> None:
        """SIGKILL inside, as the kernel does when memory ends."""
        code = (
            "import os, signal; from pathlib import Path; "
            "[os.kill(int(p.parent.name), signal.SIGKILL) for p in Path('/proc').glob('[0-9]*/comm') "
            "if p.read_text() == 'tritonserver\\n']"
        )
        run("docker", "exec", self.name, "python3", "-c", code)

    def analyze(self, **parameters: str) -> dict:
        files = {"file": PHOTO.read_bytes()}
        return (
            httpx.post(f"{self.url}/v1/analyze", params=parameters, files=files, timeout=60).raise_for_status().json()
        )

    def load(self, clients: int, seconds: float) -> dict[str, int]:
        return dict(load(self.published(8080), PHOTO.read_bytes(), clients, seconds))

    def load_inside(self, clients: int, seconds: float) -> dict[str, int]:
        """Load over the container's own loopback, past Docker's proxy, which takes connections that nobody takes."""
        mounts = ("-v", f"{ROOT}/tests/containers/load.py:/load.py:ro", "-v", f"{PHOTO}:/photo.jpg:ro")
        command = ("python3", "/load.py", "127.0.0.1:8080", "/photo.jpg", str(clients), str(seconds))
        printed = run("docker", "run", "--rm", "--network", f"container:{self.name}", *mounts, IMAGE, *command)
        found: dict[str, int] = json.loads(printed.splitlines()[-1])
        return found


@contextmanager
def running_container(*flags: str) -> Iterator[Container]:
    """A container that is ready, with a free port published; removed at the end."""
    command = ("docker", "run", "--detach", *README_FLAGS, *LOCKED, *PATIENT, "-p", "127.0.0.1::8080", *flags, IMAGE)
    container = Container(run(*command).split()[-1])
    try:
        container.wait_for("serving: ready")
        yield container
    finally:
        run("docker", "rm", "--force", container.name)
