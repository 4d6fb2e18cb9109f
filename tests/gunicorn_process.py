"""The gateway as gunicorn runs it, in front of a Triton or none."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
NOBODY = "127.0.0.1:9"


class GunicornProcess:
    """A gateway that answers at `url` and `address`; `environment` are its settings."""

    def __init__(self, workers=1, **environment):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = free.getsockname()
        bind = f"127.0.0.1:{self.address[1]}"
        options = ["--config", "python:gateway.gunicorn_config", "--workers", str(workers), "--bind", bind]
        self._printed = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "gateway.app:create_app()"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stderr=self._printed,
        )
        self.url = f"http://{bind}"
        self._wait()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def _wait(self):
        for _ in range(300):
            try:
                return httpx.get(f"{self.url}/healthz")
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("the gateway did not start")

    def reload(self):
        """Have gunicorn start new workers and end the old ones."""
        self._process.send_signal(signal.SIGHUP)

    def stop(self):
        """The lines that it printed."""
        self._process.terminate()
        self._process.wait(30)
        self._printed.seek(0)
        return self._printed.read().splitlines()
