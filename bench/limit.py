"""The limit of the machine: decode and networks in one process without a server, on all cores.

As many threads as cores, each with one photo at a time: decoders and ONNX Runtime leave Python's lock while they work.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.client import read_photos
from bench.load import Measured
from bench.pipeline import Pipeline
from bench.service import ROOT
from serving.triton import ALLOCATOR

WARM_UP = 5


def run_limit(work: dict[str, Any], photos: Sequence[str], seconds: float, threads: int = 0) -> Measured:
    """Run it in another process; `threads` of 0 are as many as cores."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"work": work, "photos": photos, "seconds": seconds, "threads": threads or count_cores()}, file)
        file.flush()
        command = [sys.executable, "-m", "bench.limit", file.name]
        done = subprocess.run(
            command, cwd=ROOT, env=ALLOCATOR | os.environ, stdout=subprocess.PIPE, text=True, check=True
        )
    return Measured(**json.loads(done.stdout))


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def measure(work: dict[str, Any], photos: Sequence[str], seconds: float, threads: int) -> Measured:
    """Photos per second, and processor time of each and of its parts."""
    pipeline, files = Pipeline(work), read_photos(photos)
    for photo in files * WARM_UP:
        pipeline.analyze(photo)
    latencies: list[float] = []
    watches: list[Stopwatch] = []
    began, cpu = time.perf_counter(), time.process_time()
    end = began + seconds

    def work_on(number: int) -> None:
        count, watch = number, Stopwatch()
        watches.append(watch)
        while (started := time.perf_counter()) < end:
            pipeline.analyze(files[count % len(files)], watch.lap)
            latencies.append(time.perf_counter() - started)
            count += 1

    workers = [threading.Thread(target=work_on, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
    milliseconds = np.array(latencies) * 1000
    total = sum((watch.seconds for watch in watches), Counter())
    return Measured(
        rate=len(latencies) / elapsed,
        median=float(np.median(milliseconds)),
        p99=float(np.percentile(milliseconds, 99)),
        failed=0,
        cpu=cpu / len(latencies) * 1000,
        parts={part: seconds / len(latencies) * 1000 for part, seconds in total.items()},
    )


class Stopwatch:
    """Processor seconds of one thread by part, each from the end of the last one."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._last = time.thread_time()

    def lap(self, part: str) -> None:
        now = time.thread_time()
        self.seconds[part] += now - self._last
        self._last = now


if __name__ == "__main__":
    json.dump(asdict(measure(**json.loads(Path(sys.argv[1]).read_text()))), sys.stdout)
