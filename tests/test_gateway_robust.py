"""What cannot hurt the gateway: odd files, fuzzed requests, and a Triton that dies."""

import io
import os
import re
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from gateway.app import create_app
from gateway.settings import Settings
from tests.pictures import encode, gradient
from tests.serving_process import ServingProcess, list_descendants

SECONDS = 20
GOOD = encode(gradient())


@pytest.fixture(scope="module")
def client(triton_url):
    return create_app(Settings(triton_url=triton_url, request_seconds=SECONDS, cache_bytes=0)).test_client()


def post(client, data, name="a"):
    return client.post("/v1/analyze", data={"file": (io.BytesIO(data), name)})


def make_odd_files() -> list[bytes]:
    """Files that are nearly pictures."""
    jpeg, png = encode(gradient(), "JPEG"), GOOD
    huge = bytearray(png)
    huge[16:24] = (60_000).to_bytes(4, "big") * 2  # a header that promises 3.6 gigapixels
    return [b"\n", b"\0" * 1000, jpeg[: len(jpeg) // 2], png[:40], bytes(huge), b"GIF89a", jpeg + b"tail", b"<svg/>"]


def check_beside_good_requests(client, files):
    """Every file ends in an expected status while good requests go on and all succeed."""
    stop, good = threading.Event(), []

    def ask():
        while not stop.is_set():
            good.append(post(client.application.test_client(), GOOD).status_code)

    neighbour = threading.Thread(target=ask)
    neighbour.start()
    try:
        statuses = [post(client, data).status_code for data in files]
    finally:
        stop.set()
        neighbour.join()
    assert set(statuses) <= {200, 413, 415, 422}
    assert good
    assert set(good) == {200}
    return statuses


def test_odd_files(client):
    assert 422 in check_beside_good_requests(client, make_odd_files())


def test_odd_files_of_the_shared_data(client, service, shared_data):
    files = sorted(path for path in (shared_data / "odd_images").rglob("*") if path.is_file())
    before = measure_memory(service)
    statuses = check_beside_good_requests(client, [path.read_bytes() for path in files])
    assert statuses.count(200) > len(files) / 3
    assert measure_memory(service) < before + 2**30


def measure_memory(service):
    """The most bytes that each of the service's processes ever held, in sum."""
    children = psutil.Process(service.process.pid).children(recursive=True)
    return sum(peak_of(child) for child in children)


def peak_of(process):
    """The most memory that a process ever held, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def test_fuzzed_requests_are_answered_as_the_document_says(client):
    document = schemathesis.openapi.from_wsgi("/openapi.json", client.application)
    for operation in document.get_all_operations():

        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.ok().as_strategy())
        def fuzz(case):
            # Random bytes have the right form and are no picture: 422 is the right answer to them.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        fuzz()


def test_triton_killed_under_load_and_back():
    arguments = ["--no-gateway"]
    with ServingProcess(arguments) as first:
        url = first.urls["Triton gRPC"]
        client = create_app(Settings(triton_url=url, request_seconds=SECONDS, cache_bytes=0)).test_client()
        load = Load(client)
        load.wait_for(200)
        (triton,) = [pid for pid, name in list_descendants(first.pid).items() if name == "tritonserver"]
        os.kill(triton, signal.SIGKILL)
        load.wait_for(503)
    with ServingProcess([*arguments, "--grpc-port", url.rpartition(":")[2]]):
        load.wait_for(200)
        statuses = load.stop()
    assert set(statuses) == {200, 503}


class Load:
    """Four clients that ask without pause and note every status."""

    def __init__(self, client):
        self._app, self._statuses, self._end = client.application, [], threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, status):
        """Until a request that is answered from now on has this status."""
        seen = len(self._statuses)
        deadline = time.monotonic() + 2 * SECONDS
        while status not in self._statuses[seen:]:
            assert time.monotonic() < deadline, self._statuses[seen:]
            time.sleep(0.05)

    def stop(self):
        self._end.set()
        for thread in self._threads:
            thread.join(2 * SECONDS)
            assert not thread.is_alive()
        return self._statuses

    def _ask(self):
        client = self._app.test_client()
        while not self._end.is_set():
            answer = post(client, GOOD)
            self._statuses.append(answer.status_code)
            time.sleep(0.05 if answer.status_code == 503 else 0)
