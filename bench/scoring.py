"""Bulk scoring: sections of the bench whose tables stand in scoring/README.md."""

import os
from contextlib import ExitStack
from pathlib import Path
from statistics import mean

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed
from tritonclient.utils import InferenceServerException

from bench.bulk import DISTINCT, Bulk, run_bulk, write_photos
from bench.context import Context, choose_target
from bench.input_data import write_input_data
from bench.perf_analyzer import run_perf_analyzer
from bench.report import make_table
from bench.scale import describe_scale, measure_steps
from bench.service import cpu_seconds, start_service
from bench.work import ATTRIBUTES, ENSEMBLES, EVERY_MODEL, WORKLOADS, read_catalog, read_config
from contract.tasks import ENSEMBLE

KILLS = 3
LARGER = 10  # times as many photos, for the memory
# Every second of the distinct ones, so that they are as large on average as all are.
PERF_PHOTOS = slice(0, DISTINCT, 2)
LIMIT_HEAD = "photos", "seconds", "perf_analyzer would need", "ratio", "rows", "sources", "broken", "failed", "peak MB"


def write(context: Context, count: int) -> Path:
    """A folder of `count` photos, the same for all sections."""
    folder = context.folder / f"photos-{count}"
    return folder if folder.exists() else write_photos(folder, count, [Path(photo) for photo in context.photos])


def score(
    context: Context, name: str, workload: str, count: int = 0, kills: int = 0, endpoint: str = "", number: int = 0
) -> Bulk:
    models = [card.name for card in context.cards(workload)]
    out = context.folder / f"out-{name}-{workload}-{number}"
    return run_bulk(write(context, count or context.bulk), out, endpoint or context.service.grpc, models, kills)


def measure_bulk_limit(context: Context) -> str:
    """The scorer against perf_analyzer's best on `analyze`, with and without being killed on the way."""
    largest = read_catalog().max_batch_size
    # Photos in a request and requests in flight, of which perf_analyzer's best counts.
    points = [(1, 8), (1, 16), (largest, 2), (largest, 4), (largest, 6)]
    rates = {point: run_perf(context, *point) for point in points}
    best = max(rates, key=lambda point: rates[point])
    rows = []
    for number in range(context.rounds):
        # Each run against the measurements before and after it: interference changes within minutes.
        around = [run_perf(context, *best)]
        for name, kills in (("uninterrupted", 0), (f"killed {KILLS} times", KILLS)):
            bulk = score(context, f"limit-{kills}", EVERY_MODEL, kills=kills, number=number)
            around.append(run_perf(context, *best))
            rows.append(describe_bulk(name, bulk, mean(around[-2:])))
    listed = ", ".join(f"{concurrency} × {batch} {rate:.0f}" for (batch, concurrency), rate in rates.items())
    return f"{make_table(['', *LIMIT_HEAD], rows)}\n\nperf_analyzer's photos per second, to find its best: {listed}."


def describe_bulk(name: str, bulk: Bulk, rate: float) -> list[object]:
    needed = bulk.photos / rate
    counts = (bulk.rows, bulk.sources, bulk.broken, bulk.failed)
    return [name, bulk.photos, bulk.seconds, needed, bulk.seconds / needed, *counts, bulk.peak / 1e6]


# Triton 24.10 may crash when perf_analyzer ends with requests under way; the service is back within some seconds.
@retry(
    retry=retry_if_exception_type((OSError, InferenceServerException)),
    stop=stop_after_attempt(4),
    wait=wait_fixed(15),
    reraise=True,
)
def run_perf(context: Context, batch_size: int, concurrency: int) -> float:
    """perf_analyzer's photos per second on `analyze`, with the same photos."""
    data, (tensor,) = context.folder / "bulk.json", read_config(ENSEMBLES / ENSEMBLE).input
    if not data.exists():
        write_input_data(tensor, sorted(write(context, context.bulk).iterdir())[PERF_PHOTOS], data)
    return run_perf_analyzer(ENSEMBLE, context.service, data, concurrency, "-b", str(batch_size)).rate


def measure_bulk_memory(context: Context) -> str:
    """Peak memory of the scorer by size of the source."""
    rows = []
    for count in (context.bulk, LARGER * context.bulk):
        bulk = score(context, f"memory-{count}", ATTRIBUTES, count)
        rows.append([f"{count:,} photos, attributes", bulk.rate, bulk.rows, bulk.sources, bulk.peak / 1e6])
    return make_table(["", "photos/s", "rows", "sources", "peak MB"], rows)


def measure_bulk_scale(context: Context) -> str:
    """Rates, costs and what a large number of photos would take."""
    bulks, costs = {}, {}
    for workload in WORKLOADS:
        before = cpu_seconds(context.service.process)
        bulks[workload] = score(context, "scale", workload)
        costs[workload] = (cpu_seconds(context.service.process) - before) / context.bulk
    size = mean(photo.stat().st_size for photo in write(context, context.bulk).iterdir())
    # A few photos of them are broken.
    steps = measure_steps(context.service.grpc, context.bulk * 9 // 10)
    return describe_scale(bulks, costs, size, steps)


def measure_bulk_replicas(context: Context) -> str:
    """One Triton server on a core of its own, and two, each on one, in turns; the scorer runs on the same cores."""
    rows, cores = [], sorted(os.sched_getaffinity(0))[:2]
    with ExitStack() as stack:
        options = ("--no-gateway", *choose_target())
        urls = [stack.enter_context(start_service(*options, cores={core})).grpc for core in cores]
        for number in range(context.rounds):
            for workload in WORKLOADS:
                one = score(context, "one", workload, endpoint=urls[0], number=number)
                two = score(context, "two", workload, endpoint=",".join(urls), number=number)
                rows.append([workload, one.rate, two.rate, two.rate / one.rate])
    return make_table(["", "1 replica on a core, photos/s", "2 replicas, a core each, photos/s", "ratio"], rows)
