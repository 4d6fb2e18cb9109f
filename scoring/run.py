"""A run from its sources to its dataset: what is there already, what is left, and which engine does it."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from scoring.blocks import Chunk, cut
from scoring.dataset import Counts, Dataset, Part
from scoring.errors import ModelsChanged, ServiceAway, UsageError
from scoring.local import run_local
from scoring.progress import Progress
from scoring.schema import Model
from scoring.scorer import Job, describe_change
from scoring.seen import Seen
from scoring.sources import Sources
from scoring.storage import is_uri
from scoring.triton import Ensemble, Triton

SOURCES_CHANGED = (
    "the sources are not those that {out} was begun with (row {row:,} is another); score the new ones "
    "into a folder of their own, or give --restart to begin again"
)
FIRST_WAIT_SECONDS = 3.0


@dataclass(frozen=True)
class Options:
    """What the command line says; `scoring/__main__.py` explains each."""

    sources: Sources
    out: str
    outputs: tuple[str, ...]
    endpoints: str
    engine: str
    address: str | None
    actors: int | None
    in_flight: int
    timeout: float
    patience: float
    min_score: float
    restart: bool


@dataclass
class Finished:
    """The parts that earlier runs wrote. Those with failed rows are made again."""

    out: str
    parts: dict[int, Part] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)

    def add(self, part: Part) -> None:
        # The names of photos answered are in `Seen`: here they would fill the memory.
        self.parts[part.number] = Part(part.number, part.fingerprint, part.counts, [])
        if not part.counts.failed:
            self.counts += part.counts

    def leave_out(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """The chunks that are still to be scored.

        Raises:
            UsageError: the sources have changed since the parts were written.
        """
        row = number = 0
        for chunk in chunks:
            part = self.parts.get(chunk.number)
            if part is not None and part.fingerprint != chunk.fingerprint():
                raise UsageError(SOURCES_CHANGED.format(out=self.out, row=row))
            row, number = row + len(chunk.photos), chunk.number
            if part is None or part.counts.failed:
                yield chunk
        if self.parts and max(self.parts) > number:
            raise UsageError(SOURCES_CHANGED.format(out=self.out, row=row))


def run(options: Options) -> int:
    """Score what is left. Exit status 1 if rows failed, other than for being broken pictures.

    Raises:
        ScoringError: the run cannot begin, or cannot go on.
    """
    carried = options.sources.check()
    ensemble = ask_ensemble(options)
    dataset = Dataset(options.out)
    with dataset.hold():
        prepare(dataset, options, ensemble.models)
        return score(dataset, options, make_job(options, ensemble, carried))


def score(dataset: Dataset, options: Options, job: Job) -> int:
    """Exit status."""
    seen, finished = Seen(dataset), Finished(options.out)
    for part in dataset.parts():
        seen.add(part)
        finished.add(part)
    chunks = finished.leave_out(cut(options.sources.blocks(job.carried)))
    with Progress(finished.counts, options.sources.count) as progress:
        run_engine(options, job, chunks, seen, progress)
    print(f"{progress.summarise()}; {options.out}", file=sys.stderr)
    return 1 if progress.counts().failed else 0


def ask_ensemble(options: Options) -> Ensemble:
    """With the models that are asked for; a service that is just starting is waited for."""
    triton = Triton(options.endpoints, options.timeout)
    try:
        return triton.describe(options.outputs, min(FIRST_WAIT_SECONDS, options.patience))
    except ServiceAway as error:
        print(f"scoring: {error}; waiting for {options.patience:g} s", file=sys.stderr, flush=True)
        return triton.describe(options.outputs, options.patience)
    finally:
        triton.close()


def prepare(dataset: Dataset, options: Options, models: tuple[Model, ...]) -> None:
    """Write the manifest, which says what the dataset is made from.

    Raises:
        ModelsChanged: its parts are of other models.
        UsageError: its parts are of other sources.
    """
    if options.restart:
        dataset.clear()
    old, new = dataset.read_manifest(), describe_run(options, models)
    if old is not None and not options.restart:
        check_same(options, old, new, models)
    dataset.remove_leftovers()
    dataset.write_manifest(new)


def describe_run(options: Options, models: tuple[Model, ...]) -> dict:
    """The manifest."""
    return {
        "sources": list(options.sources.names),
        "column": options.sources.column,
        "min_score": options.min_score,
        "models": {model.name: model.describe() for model in models},
    }


def check_same(options: Options, old: dict, new: dict, models: tuple[Model, ...]) -> None:
    for name in ("sources", "column", "min_score"):
        if old.get(name) != new[name]:
            raise UsageError(
                f"{options.out} was begun with {name} {old.get(name)}, not {new[name]}; choose another folder, or give "
                "--restart to begin again"
            )
    if list(old["models"]) != list(new["models"]):
        raise UsageError(
            f"{options.out} was begun with the outputs {', '.join(old['models'])}, not {', '.join(new['models'])}; "
            "choose another folder, or give --restart to begin again"
        )
    if old["models"] != new["models"]:
        before = [Model.from_card(name, card | {"outputs": []}) for name, card in old["models"].items()]
        raise ModelsChanged(
            f"the service's models changed since {options.out} was begun{describe_change(before, models)}; choose "
            "another folder, or give --restart to begin again"
        )


def make_job(options: Options, ensemble: Ensemble, carried: pa.Schema) -> Job:
    # The workers of a cluster have other working directories.
    out = options.out if is_uri(options.out) else os.path.abspath(options.out)
    return Job(
        endpoints=options.endpoints,
        out=out,
        models=ensemble.models,
        carried=carried,
        max_batch_size=ensemble.max_batch_size,
        in_flight=options.in_flight,
        timeout=options.timeout,
        patience=options.patience,
        min_score=options.min_score,
    )


def run_engine(options: Options, job: Job, chunks: Iterable[Chunk], seen: Seen, progress: Progress) -> None:
    if options.engine == "ray":
        # Ray is not needed otherwise.
        from scoring.cluster import run_ray

        run_ray(job, chunks, progress, options.address, options.actors)
    else:
        run_local(job, chunks, seen, progress)
