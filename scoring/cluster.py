"""The engine of a Ray cluster: Ray Data hands chunks to actors, and hands them out again when a node dies.

A part's file is named after its chunk, so that a chunk scored twice is still one part.
"""

import logging
import os
import pickle
import socket
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, cast

import ray
from ray.exceptions import RayError

from scoring.blocks import Chunk
from scoring.dataset import Counts
from scoring.errors import ModelsChanged, ScoringError
from scoring.progress import Progress
from scoring.scorer import Job, Scorer

# Up to 200,000 photos' names; they lie in the object store of the driver's node until they are done.
CHUNKS_PER_ROUND = 100
# Actors only wait for Triton. With whole processors, on a small machine nothing would be left for reading.
CPUS_PER_ACTOR = 0.1
ACTORS_PER_NODE = 2
CONNECT_SECONDS = 10.0


class Actor:
    """Scores one chunk at a time; the requests of a chunk go out together."""

    def __init__(self, job: Job) -> None:
        self._scorer = Scorer(job)

    def __call__(self, row: dict) -> dict:
        """`chunk`, pickled, to the counts of its part, or the `problem` that ends the run."""
        try:
            counts = self._scorer.finish(self._scorer.start(pickle.loads(row["chunk"])))
        except ScoringError as error:
            return {"rows": 0, "broken": 0, "failed": 0, "problem": str(error)}
        return {"rows": counts.rows, "broken": counts.broken, "failed": counts.failed, "problem": ""}


def run_ray(job: Job, chunks: Iterable[Chunk], progress: Progress, address: str | None, actors: int | None) -> None:
    """Score the chunks on the cluster at `address`, or one on this machine.

    Raises:
        ScoringError: there is no such cluster, it failed, or the models changed.
    """
    connect(address)
    try:
        remaining = iter(chunks)
        while items := [{"chunk": pickle.dumps(chunk)} for chunk in islice(remaining, CHUNKS_PER_ROUND)]:
            score_round(job, items, progress, actors or ACTORS_PER_NODE * count_nodes())
    except RayError as error:
        raise ScoringError(f"the Ray cluster failed: {error}") from None
    finally:
        ray.shutdown()


def connect(address: str | None) -> None:
    if address is not None:
        check_reachable(address)
    # Otherwise Ray reports to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # The nodes need this package; their own environment has its requirements, and credentials if there are any.
    environment = {"py_modules": [str(Path(__file__).parent)]}
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


def score_round(job: Job, items: list[dict[str, bytes]], progress: Progress, actors: int) -> None:
    # A block per chunk: Ray Data hands out blocks.
    scored = ray.data.from_items(items, override_num_blocks=len(items)).map(
        cast(Any, Actor),
        fn_constructor_args=[job],
        num_cpus=CPUS_PER_ACTOR,
        compute=ray.data.ActorPoolStrategy(size=min(actors, len(items)), max_tasks_in_flight_per_actor=2),
    )
    for row in scored.iter_rows():
        if row["problem"]:
            raise ModelsChanged(row["problem"])
        progress.add(Counts(row["rows"], row["broken"], row["failed"]))
