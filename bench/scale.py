"""What many photos would take, from what few took."""

import os
from collections.abc import Mapping

from tritonclient.grpc import InferenceServerClient

from bench.bulk import Bulk
from bench.report import make_table
from contract.tasks import ENSEMBLE

GOALS = {
    "half a million photos in a night of 8 hours": (5e5, 8.0),
    "5 million photos a day": (5e6, 24.0),
    "a million photos an hour": (1e6, 1.0),
    "a backlog of 1 billion in 30 days": (1e9, 720.0),
}
CORES_PER_MACHINE = 32
# Cores that are kept busy all day: the rest is for failures, reloads and uneven work.
USED = 0.7
HEAD = (
    *("photos/s", "per core", "Triton's CPU ms per photo", "scorer's CPU ms per photo"),
    *("kB to Triton per photo", "dataset bytes per photo", "peak MB"),
)


def measure_steps(url: str, photos: int) -> list[tuple[str, float]]:
    """Milliseconds of computing per photo of every step of `analyze` that has seen so many photos since the server
    started, the slowest first."""
    with InferenceServerClient(url) as client:
        statistics = client.get_inference_statistics().model_stats
    # By batch: the statistics by request count a batch's time once for each of its requests.
    steps = [
        (each.name, sum(batch.compute_infer.ns for batch in each.batch_stats) / each.inference_count / 1e6)
        for each in statistics
        if each.inference_count >= photos and each.name != ENSEMBLE
    ]
    return sorted(steps, key=lambda step: -step[1])


def describe_scale(
    bulks: Mapping[str, Bulk], costs: Mapping[str, float], size: float, steps: list[tuple[str, float]]
) -> str:
    """`costs`: seconds of the service's processor time per photo, by workload; `size`: bytes of a photo."""
    cores = len(os.sched_getaffinity(0))
    rows = [[workload, *describe(bulk, costs[workload], size, cores)] for workload, bulk in bulks.items()]
    measured = make_table(["", *HEAD], rows)
    slowest = make_table(["step", "ms per photo"], [[name, milliseconds] for name, milliseconds in steps])
    plans = [
        [f"{goal}, {workload}", *plan(bulk, size, photos, hours, cores)]
        for goal, (photos, hours) in GOALS.items()
        for workload, bulk in bulks.items()
    ]
    columns = ["", "cores", f"machines of {CORES_PER_MACHINE}", "hours", "network MB/s", "photos TB", "dataset GB"]
    return "\n\n".join([measured, slowest, make_table(columns, plans)])


def describe(bulk: Bulk, cost: float, size: float, cores: int) -> list[object]:
    """Cells of HEAD."""
    costs = cost * 1000, bulk.cpu / bulk.photos * 1000
    return [bulk.rate, bulk.rate / cores, *costs, size / 1e3, bulk.dataset_bytes / bulk.photos, bulk.peak / 1e6]


def plan(bulk: Bulk, size: float, photos: float, hours: float, cores: int) -> list[object]:
    """Cores, machines, hours they are busy at the measured rate, network, and storage."""
    per_core = bulk.rate / cores
    needed = photos / (per_core * USED * hours * 3600)
    machines = -(-needed // CORES_PER_MACHINE)
    busy = photos / (per_core * machines * CORES_PER_MACHINE * 3600)
    stored = photos * bulk.dataset_bytes / bulk.photos
    return [needed, int(machines), busy, photos * size / (hours * 3600) / 1e6, photos * size / 1e12, stored / 1e9]
