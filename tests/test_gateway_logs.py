"""What the gateway and its gunicorn print."""

import json
import socket

import httpx
import pytest

from tests.gunicorn_process import NOBODY, GunicornProcess


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_malformed_request_is_one_line(log_format):
    gunicorn = GunicornProcess(LOG_FORMAT=log_format)
    with socket.create_connection(gunicorn.address, timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    lines = gunicorn.stop()
    assert len([line for line in lines if "Invalid" in line]) == 1
    assert not any("Traceback" in line or "Logging error" in line for line in lines)


def test_every_line_is_json():
    gunicorn = GunicornProcess(LOG_FORMAT="json", TRITON_URL=NOBODY)
    httpx.get(f"{gunicorn.url}/v1/models", headers={"X-Request-ID": "mine"})
    lines = [json.loads(line) for line in gunicorn.stop()]
    assert any("Booting worker" in line.get("message", "") for line in lines)
    (own,) = [line for line in lines if line.get("path")]  # probes leave none
    assert (own["path"], own["request_id"], own["status"]) == ("/v1/models", "mine", 503)
