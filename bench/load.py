"""A closed-loop load: so many clients, each asking again as soon as it is answered.

It runs in a process of its own, so that its interpreter is not the service's: `run_load` starts it.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from bench.service import ROOT

BOUNDARY = "boundary-of-the-bench"
# Requests before the clock starts, per client.
WARM_UP = 3


@dataclass(frozen=True)
class Plan:
    """`way`: grpc, raw or multipart. `url`: host:port for grpc, otherwise the full URL of a route.
    `outputs`: of the ensemble, for grpc."""

    way: str
    url: str
    photo: str
    concurrency: int
    seconds: float
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """Answers per second that were right, latencies in milliseconds, and how many failed."""

    rate: float
    median: float
    p99: float
    failed: int


def run_load(plan: Plan) -> Measured:
    """Run `plan` in another process."""
    command = [sys.executable, "-m", "bench.load", json.dumps(asdict(plan))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(done.stdout))


def measure(plan: Plan) -> Measured:
    """Run `plan` here."""
    photo = Path(plan.photo).read_bytes()
    latencies: list[float] = []
    failures: list[str] = []
    barrier = threading.Barrier(plan.concurrency + 1)
    end = [float("inf")]

    def client() -> None:
        ask = WAYS[plan.way](plan, photo)
        for _ in range(WARM_UP):
            ask()
        barrier.wait()
        while (started := time.perf_counter()) < end[0]:
            try:
                ask()
                latencies.append(time.perf_counter() - started)
            except Exception as error:  # whatever a client may raise is a failed request here
                failures.append(repr(error))

    threads = [threading.Thread(target=client, daemon=True) for _ in range(plan.concurrency)]
    for thread in threads:
        thread.start()
    barrier.wait()
    began = time.perf_counter()
    end[0] = began + plan.seconds
    for thread in threads:
        thread.join()
    if not latencies:
        raise RuntimeError(f"{plan.way}: no request succeeded: {failures[:1]}")
    rate = len(latencies) / (time.perf_counter() - began)
    milliseconds = np.array(latencies) * 1000
    return Measured(rate, float(np.median(milliseconds)), float(np.percentile(milliseconds, 99)), len(failures))


def make_grpc(plan: Plan, photo: bytes) -> Callable[[], object]:
    """One call of the ensemble `analyze`, on a channel of its own."""
    import grpc
    from tritonclient.grpc import service_pb2, service_pb2_grpc

    options = [("grpc.use_local_subchannel_pool", 1)]
    stub = service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(plan.url, options=options))
    request = service_pb2.ModelInferRequest(model_name="analyze")
    request.inputs.add(name="IMAGE", datatype="BYTES", shape=[1, 1])
    for name in plan.outputs:
        request.outputs.add(name=name)
    request.raw_input_contents.append(len(photo).to_bytes(4, "little") + photo)
    return lambda: stub.ModelInfer(request)


def make_http(plan: Plan, body: bytes, content_type: str) -> Callable[[], object]:
    """One POST on a kept connection; anything but 200 raises."""
    url = urlsplit(plan.url)
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    path = f"{url.path}?{url.query}"

    def ask() -> None:
        connection.request("POST", path, body, {"Content-Type": content_type})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise OSError(f"{response.status}: {answer[:200]!r}")

    return ask


def make_raw(plan: Plan, photo: bytes) -> Callable[[], object]:
    return make_http(plan, photo, "image/jpeg")


def make_multipart(plan: Plan, photo: bytes) -> Callable[[], object]:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n\r\n'
    body = head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()
    return make_http(plan, body, f"multipart/form-data; boundary={BOUNDARY}")


WAYS = {"grpc": make_grpc, "raw": make_raw, "multipart": make_multipart}


if __name__ == "__main__":
    json.dump(asdict(measure(Plan(**json.loads(sys.argv[1])))), sys.stdout)
