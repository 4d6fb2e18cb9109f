"""The engine of a Ray cluster: Ray Data hands batches to actors, and hands them out again when a node dies.

A part's file is named after its batch, so that a batch scored twice is still one part.
"""

import logging
import os
import pickle
import socket
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import ray
from ray.exceptions import RayError

from contract.card import Catalog
from scoring.batches import Batch
from scoring.dataset import Counts
from scoring.errors import ModelsChanged, ScoringError
from scoring.job import Job
from scoring.progress import Progress
from scoring.scorer import Scorer

# Photos' names lie in the object store of the driver's node until they are done.
BATCHES_PER_ROUND = 400
# Actors only wait for Triton. With whole processors, on a small machine nothing would be left for reading.
CPUS_PER_ACTOR = 0.1
ACTORS_PER_NODE = 2
CONNECT_SECONDS = 10.0
ROOT = Path(__file__).parents[1]


class Actor:
    """Scores one batch at a time; the requests of a batch go out together."""

    def __init__(self, job: Job, catalog: Catalog, carried: pa.Schema) -> None:
        self._scorer = Scorer(job, catalog, carried)

    def __call__(self, row: dict) -> dict:
        """`batch`, pickled, to the counts of its part, or the `problem` that ends the run."""
        try:
            counts = self._scorer.finish(self._scorer.start(pickle.loads(row["batch"])))
        except ScoringError as error:
            return {"rows": 0, "broken": 0, "failed": 0, "problem": str(error)}
        return {"rows": counts.rows, "broken": counts.broken, "failed": counts.failed, "problem": ""}


def run_ray(job: Job, catalog: Catalog, carried: pa.Schema, batches: Iterable[Batch], progress: Progress) -> None:
    """Score the batches on the cluster at `job.address`, or one on this machine.

    Raises:
        ScoringError: there is no such cluster, it failed, or the models changed.
    """
    connect(job.address)
    try:
        remaining = iter(batches)
        while items := [{"batch": pickle.dumps(batch)} for batch in islice(remaining, BATCHES_PER_ROUND)]:
            actors = min(job.actors or ACTORS_PER_NODE * count_nodes(), len(items))
            score_round((job, catalog, carried), items, progress, actors)
    except RayError as error:
        raise ScoringError(f"the Ray cluster failed: {error}") from None
    finally:
        ray.shutdown()


def connect(address: str | None) -> None:
    if address is not None:
        check_reachable(address)
    # Otherwise Ray reports to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # The nodes need these packages; their own environment has its requirements, and credentials if there are any.
    environment = {"py_modules": [str(ROOT / "scoring"), str(ROOT / "contract")]}
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        ray.init(address, runtime_env=environment, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ScoringError(f"no Ray cluster at {address}: {error}") from None


def check_reachable(address: str) -> None:
    """Ray itself tries for minutes, and then ends the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ScoringError(f"no Ray cluster at {address}: {error}") from None


def count_nodes() -> int:
    return sum(node["Alive"] for node in ray.nodes())


def score_round(
    plan: tuple[Job, Catalog, pa.Schema], items: list[dict[str, bytes]], progress: Progress, actors: int
) -> None:
    # A block per batch: Ray Data hands out blocks.
    scored = ray.data.from_items(items, override_num_blocks=len(items)).map(
        cast(Any, Actor),
        fn_constructor_args=list(plan),
        num_cpus=CPUS_PER_ACTOR,
        compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
    )
    for row in scored.iter_rows():
        if row["problem"]:
            raise ModelsChanged(row["problem"])
        progress.add(Counts(row["rows"], row["broken"], row["failed"]))
