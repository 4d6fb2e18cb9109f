"""A run from its sources to its dataset: what is there already, what is left, and which engine does it."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from contract.card import Card, Catalog
from contract.failure import UnknownModel
from scoring.batches import Batch, cut
from scoring.dataset import Counts, Dataset, Part
from scoring.engine import run_local
from scoring.errors import ModelsChanged, ServiceAway, UsageError
from scoring.job import Job
from scoring.progress import Progress
from scoring.schema import describe_models, make_schema
from scoring.scorer import describe_change, select
from scoring.storage import is_uri
from scoring.triton import RetryingClient

SOURCES_CHANGED = (
    "the sources are not those that {out} was begun with (row {row:,} is another); score the new ones "
    "into a folder of their own, or give --restart to begin again"
)
OTHERWISE = "choose another folder, or give --restart to begin again"
FIRST_WAIT_SECONDS = 3.0


def leave_out(batches: Iterable[Batch], parts: dict[int, Part], out: str) -> Iterator[Batch]:
    """The batches that are still to be scored: those without a finished part, or with failed rows in it.

    Raises:
        UsageError: the sources have changed since the parts were written.
    """
    number = end = 0
    for batch in batches:
        part = parts.get(batch.number)
        if part is not None and part.fingerprint != batch.fingerprint():
            raise UsageError(SOURCES_CHANGED.format(out=out, row=batch.first_row))
        number, end = batch.number, batch.first_row + len(batch.photos)
        if part is None or part.counts.failed:
            yield replace(batch, again=part is not None)
    if parts and max(parts) > number:
        raise UsageError(SOURCES_CHANGED.format(out=out, row=end))


def run(job: Job) -> int:
    """Score what is left. Exit status 1 if rows failed that the next run asks for again.

    Raises:
        ScoringError: the run cannot begin, or cannot go on.
    """
    carried = job.sources.check()
    catalog = ask_catalog(job)
    cards = choose(catalog, job)
    make_schema(cards, carried)
    # The workers of a cluster have other working directories.
    job = job if is_uri(job.out) else replace(job, out=os.path.abspath(job.out))
    dataset = Dataset(job.out)
    with dataset.lock():
        prepare(dataset, job, cards)
        return score(dataset, job, catalog, carried)


def score(dataset: Dataset, job: Job, catalog: Catalog, carried: pa.Schema) -> int:
    """Exit status."""
    parts = {part.number: part for part in dataset.parts()}
    done = sum((part.counts for part in parts.values() if not part.counts.failed), Counts())
    batches = leave_out(cut(job.sources.rows(carried)), parts, job.out)
    with Progress(done, job.sources.count) as progress:
        choose_engine(job)(job, catalog, carried, batches, progress)
    print(f"{progress.summarise()}{job.sources.describe_left_out()}; {job.out}", file=sys.stderr)
    return 1 if progress.counts.failed else 0


def choose_engine(job: Job) -> Callable[[Job, Catalog, pa.Schema, Iterable[Batch], Progress], None]:
    """How to score batches: `run_local` or `run_ray`."""
    if job.engine == "ray":
        # Ray is not needed otherwise.
        from scoring.cluster import run_ray

        return run_ray
    return run_local


def ask_catalog(job: Job) -> Catalog:
    """The service's models; a service that is just starting is waited for."""
    client = RetryingClient(job.endpoint, job.timeout, job.patience)
    try:
        return client.describe(min(FIRST_WAIT_SECONDS, job.patience))
    except ServiceAway as error:
        print(f"scoring: {error}; waiting for {job.patience:g} s", file=sys.stderr, flush=True)
        return client.describe(job.patience)
    finally:
        client.close()


def choose(catalog: Catalog, job: Job) -> list[Card]:
    try:
        return select(catalog, job)
    except UnknownModel as error:
        raise UsageError(f"--outputs: {error}") from None


def prepare(dataset: Dataset, job: Job, cards: list[Card]) -> None:
    """Write the manifest, which says what the dataset is made from.

    Raises:
        ModelsChanged: its parts are of other models.
        UsageError: its parts are of other sources.
    """
    if job.restart:
        dataset.clear()
    old, new = None if job.restart else dataset.read_manifest(), describe_run(job, cards)
    if old is not None:
        check_same(job.out, old, new)
    dataset.remove_leftovers()
    dataset.write_manifest(new)


def describe_run(job: Job, cards: list[Card]) -> dict[str, Any]:
    """The manifest."""
    return {
        "sources": list(job.sources.names),
        "column": job.sources.column,
        "min_score": job.min_score,
        "models": describe_models(cards),
    }


def check_same(out: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    for name in ("sources", "column", "min_score"):
        if old.get(name) != new[name]:
            raise UsageError(f"{out} was begun with {name} {old.get(name)}, not {new[name]}; {OTHERWISE}")
    if list(old["models"]) != list(new["models"]):
        before, now = (", ".join(manifest["models"]) for manifest in (old, new))
        raise UsageError(f"{out} was begun with the outputs {before}, not {now}; {OTHERWISE}")
    if old["models"] != new["models"]:
        change = describe_change(old["models"], new["models"])
        raise ModelsChanged(f"the service's models changed since {out} was begun{change}; {OTHERWISE}")
