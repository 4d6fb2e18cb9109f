"""A load on one address, measured: so many clients, each asking again as soon as it is answered, or a given rate.

It runs in a process of its own (`run_load` starts it), so that its interpreter is not the service's, and sends bytes
that were made beforehand, so that it takes as little of the processor as Python can.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import psutil

from bench.client import TIMEOUT_SECONDS, WAYS, Plan, Refused, read_photos
from bench.service import ROOT, cpu_seconds

WARM_UP_SECONDS = 0.5


@dataclass(frozen=True)
class Measured:
    """Photos per second that were answered well, and the latencies of their requests in milliseconds; how many requests
    were refused (503, UNAVAILABLE) and how fast; how many failed otherwise; processor time in milliseconds per such
    photo of the service and of the clients."""

    rate: float
    median: float
    p99: float
    failed: int
    refused: int = 0
    refusal: float = 0.0
    cpu: float = 0.0
    client_cpu: float = 0.0
    why: str = ""


def run_load(plan: Plan) -> Measured:
    """Run `plan` in another process. Raises RuntimeError with what went wrong there."""
    command = [sys.executable, "-m", "bench.load", json.dumps(asdict(plan))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["the load ended without a word"])[-1])
    return Measured(**json.loads(done.stdout))


class Load:
    """The clients of one plan and what they saw."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._photos = read_photos(plan.photos)
        self._latencies: list[float] = []
        self._refusals: list[float] = []
        self._failures: list[str] = []
        self._started = time.perf_counter()
        self._began = self._end = float("inf")
        self._answered = threading.Event()
        self._next = 0
        self._lock = threading.Lock()

    def measure(self) -> Measured:
        """Warm up from the first answer on, then ask for the plan's time."""
        threads = [
            threading.Thread(target=self._run_client, args=(number,), daemon=True)
            for number in range(self._plan.concurrency)
        ]
        for thread in threads:
            thread.start()
        self._answered.wait(TIMEOUT_SECONDS)
        time.sleep(WARM_UP_SECONDS)
        self._began = time.perf_counter()
        self._end = self._began + self._plan.seconds
        service, own = self._read_service(), time.process_time()
        time.sleep(self._plan.seconds)
        service, own = self._read_service() - service, time.process_time() - own
        for thread in threads:
            thread.join()
        return self._summarise(service, own)

    def _read_service(self) -> float:
        return cpu_seconds(psutil.Process(self._plan.pid)) if self._plan.pid else 0.0

    def _run_client(self, number: int) -> None:
        ask = WAYS[self._plan.way](self._plan, self._photos, number)
        while (started := self._wait_for_turn()) < self._end:
            self._ask(ask, started)

    def _wait_for_turn(self) -> float:
        """When the next request starts: now, or on the open loop's schedule, where waiting for a client counts."""
        if not self._plan.rate:
            return time.perf_counter()
        with self._lock:
            start = self._started + self._next / self._plan.rate
            self._next += 1
        time.sleep(max(0.0, start - time.perf_counter()))
        return start

    def _ask(self, ask: Callable[[], object], started: float) -> None:
        try:
            ask()
            into: list = self._latencies
        except Refused:
            into = self._refusals
        except Exception as error:  # whatever a client may raise is a failed request here
            self._failures.append(repr(error))
            return
        self._answered.set()
        ended = time.perf_counter()
        # Closed loop: what ended within the time. Open loop: what was due within it.
        if (started >= self._began) if self._plan.rate else (self._began <= ended <= self._end):
            into.append(ended - started)

    def _summarise(self, service: float, own: float) -> Measured:
        if not self._latencies:
            raise RuntimeError(f"{self._plan.way} {self._plan.url}: no request succeeded: {self._failures[:1]}")
        photos, milliseconds = len(self._latencies) * self._plan.photos_per_request, np.array(self._latencies) * 1000
        return Measured(
            rate=photos / self._plan.seconds,
            median=float(np.median(milliseconds)),
            p99=float(np.percentile(milliseconds, 99)),
            failed=len(self._failures),
            refused=len(self._refusals),
            refusal=float(np.median(self._refusals) * 1000) if self._refusals else 0.0,
            cpu=service / photos * 1000,
            client_cpu=own / photos * 1000,
            why=self._failures[0] if self._failures else "",
        )


if __name__ == "__main__":
    json.dump(asdict(Load(Plan(**json.loads(sys.argv[1]))).measure()), sys.stdout)
