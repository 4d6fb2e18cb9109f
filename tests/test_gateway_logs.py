"""What the gateway and its gunicorn print."""

import json
import os
import socket
import subprocess
import sys
import time

import httpx
import pytest

from tests.conftest import ROOT


class Gunicorn:
    """The gateway as gunicorn runs it, without Triton."""

    def __init__(self, log_format):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = free.getsockname()
        bind = f"127.0.0.1:{self.address[1]}"
        command = ["-m", "gunicorn", "--config", "python:gateway.gunicorn_config", "--workers", "1", "--bind", bind]
        self._process = subprocess.Popen(
            [sys.executable, *command, "gateway.app:create_app()"],
            cwd=ROOT,
            env={**os.environ, "LOG_FORMAT": log_format, "TRITON_URL": "127.0.0.1:9"},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = f"http://{bind}"
        self._wait()

    def _wait(self):
        for _ in range(300):
            try:
                return httpx.get(f"{self.url}/healthz")
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("the gateway did not start")

    def stop(self):
        """The lines that it printed."""
        self._process.terminate()
        return self._process.communicate(timeout=30)[1].splitlines()


def send_nonsense(address):
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_malformed_request_is_one_line(log_format):
    gunicorn = Gunicorn(log_format)
    send_nonsense(gunicorn.address)
    lines = gunicorn.stop()
    assert len([line for line in lines if "Invalid" in line]) == 1
    assert not any("Traceback" in line or "Logging error" in line for line in lines)


def test_every_line_is_json():
    gunicorn = Gunicorn("json")
    httpx.get(f"{gunicorn.url}/v1/models", headers={"X-Request-ID": "mine"})
    lines = [json.loads(line) for line in gunicorn.stop()]
    assert any("Booting worker" in line.get("message", "") for line in lines)
    (own,) = [line for line in lines if line.get("path")]  # probes leave none
    assert (own["path"], own["request_id"], own["status"]) == ("/v1/models", "mine", 503)
