"""A load on one address, measured: so many clients, each asking again as soon as it is answered, or a given rate.

It runs in a process of its own (`run_load` starts it), so that its interpreter is not the service's.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import psutil

from bench.client import TIMEOUT_SECONDS, WAYS, Plan, Refused, read_photos
from bench.service import ROOT, cpu_seconds

WARM_UP_SECONDS = 0.5
PAUSE_SECONDS = 1.0  # until a client that was refused asks again, as Retry-After says
LATENCIES = 3  # that a measurement lasts at least; in a shorter one the rate depends on when it began


Span = tuple[float, float]  # when a request was due, and when it was answered


@dataclass(frozen=True)
class Measured:
    """Photos per second that were answered well, and the latencies of their requests in milliseconds; how many requests
    were refused (503, UNAVAILABLE) and how fast; how many failed otherwise; processor time in milliseconds per such
    photo of the service and of the clients, and in process that of each part."""

    rate: float
    median: float
    p99: float
    failed: int
    refused: int = 0
    refusal: float = 0.0
    cpu: float = 0.0
    client_cpu: float = 0.0
    why: str = ""
    parts: dict[str, float] = field(default_factory=dict)


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
        self._answers: list[Span] = []
        self._refusals: list[Span] = []
        self._failures: list[str] = []
        self._started = time.perf_counter()
        self._began = self._end = float("inf")
        self._answered = threading.Semaphore(0)
        self._next = 0
        self._lock = threading.Lock()

    def measure(self) -> Measured:
        """Warm up until there were as many answers as clients, then ask for the plan's time, or longer where answers
        take long."""
        threads = [
            threading.Thread(target=self._run_client, args=(number,), daemon=True)
            for number in range(self._plan.concurrency)
        ]
        for thread in threads:
            thread.start()
        self._warm_up()
        self._began = time.perf_counter()
        seconds = max(self._plan.seconds, LATENCIES * max(measure_spans(self._answers), default=0.0))
        self._end = self._began + seconds
        service, own = self._read_service(), time.process_time()
        time.sleep(seconds)
        service, own = self._read_service() - service, time.process_time() - own
        for thread in threads:
            thread.join()
        return self._summarise(service, own)

    def _warm_up(self) -> None:
        """On the open loop the first answer starts the clock, as its clients may be many more than it takes."""
        end = time.perf_counter() + TIMEOUT_SECONDS
        for _ in range(1 if self._plan.rate else self._plan.concurrency):
            self._answered.acquire(timeout=max(0.0, end - time.perf_counter()))
        time.sleep(WARM_UP_SECONDS)

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
            into = self._answers
        except Refused:
            into = self._refusals
        except Exception as error:  # whatever a client may raise is a failed request here
            self._failures.append(repr(error))
            return
        into.append((started, time.perf_counter()))
        self._answered.release()
        if into is self._refusals and not self._plan.rate:
            time.sleep(PAUSE_SECONDS)

    def _select(self, spans: Sequence[Span]) -> list[float]:
        """Latencies of those that count. Closed loop: what ended within the time. Open loop: what was due within it."""
        moment = 0 if self._plan.rate else 1
        return measure_spans(span for span in spans if self._began <= span[moment] <= self._end)

    def _summarise(self, service: float, own: float) -> Measured:
        latencies, refusals = self._select(self._answers), self._select(self._refusals)
        if not latencies:
            raise RuntimeError(
                f"{self._plan.way} {self._plan.url}: no request was answered in time; "
                f"{len(refusals)} were refused, {len(self._failures)} failed {self._failures[:1]}"
            )
        photos, milliseconds = len(latencies) * self._plan.photos_per_request, np.array(latencies) * 1000
        return Measured(
            rate=photos / (self._end - self._began),
            median=float(np.median(milliseconds)),
            p99=float(np.percentile(milliseconds, 99)),
            failed=len(self._failures),
            refused=len(refusals),
            refusal=float(np.median(refusals) * 1000) if refusals else 0.0,
            cpu=service / photos * 1000,
            client_cpu=own / photos * 1000,
            why=self._failures[0] if self._failures else "",
        )


def measure_spans(spans: Iterable[Span]) -> list[float]:
    """Their latencies in seconds."""
    return [ended - due for due, ended in spans]


if __name__ == "__main__":
    json.dump(asdict(Load(Plan(**json.loads(sys.argv[1]))).measure()), sys.stdout)
