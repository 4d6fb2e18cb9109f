"""Memory over many requests, and the time to start."""

import time
from dataclasses import replace
from statistics import median

from bench.context import SATURATION, Context
from bench.report import make_table
from bench.service import start_service
from bench.work import ATTRIBUTES

REQUESTS, STRETCHES, MOST_SECONDS = 20_000, 5, 180
GROWTH_MIB = 20.0  # what the second half may add: allocators need a while to settle
WARM_START_SECONDS = 8.0


def measure_memory(context: Context) -> str:
    """Memory of the whole stack while 20,000 requests go by, in stretches; fewer where they would take too long."""
    run = replace(context, seconds=min(20.0, context.seconds * 5)).gateway("raw", ATTRIBUTES, SATURATION)
    rows, done, began = [[0, read_memory(context)]], 0.0, time.monotonic()
    while done < REQUESTS and time.monotonic() - began < MOST_SECONDS:
        measured = run()
        done += measured.rate * min(20.0, context.seconds * 5)
        rows.append([round(done), read_memory(context)])
    kept = rows[:: max(1, len(rows) // STRETCHES)]
    growth = rows[-1][1] - rows[len(rows) // 2][1]
    context.expect_at_most(f"MiB of growth over the second half of {rows[-1][0]} requests", GROWTH_MIB, growth)
    table = make_table(
        ["requests so far", "MiB of Triton, gateway and supervisor"],
        [*(row for row in kept if row is not rows[-1]), rows[-1]],
    )
    return f"{table}\n\nThe second half of the requests changed it by {growth:+.0f} MiB."


def read_memory(context: Context) -> float:
    return context.service.memory_bytes() / 2**20


def measure_start(context: Context) -> str:
    """From the command to ready, packages installed and files in the page cache."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        with start_service():
            times.append(time.monotonic() - began)
    context.expect_at_most("seconds of a warm start", WARM_START_SECONDS, median(times))
    return f"From the command to ready: {median(times):.1f} s (median of {len(times)})."
