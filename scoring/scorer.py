"""The scoring step, which every engine calls: a chunk of photos in, a finished part out."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from scoring.answers import Row
from scoring.asking import Asker
from scoring.blocks import Chunk
from scoring.dataset import Counts, Dataset
from scoring.errors import ModelsChanged, ServiceAway
from scoring.photos import Photo, Unreadable
from scoring.schema import ErrorKind, Model, make_schema
from scoring.seen import Seen
from scoring.triton import Triton

GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class Job:
    """What a run is asked for; it travels to the workers of a cluster.

    `in_flight`: requests at a time, per worker; `timeout` of one request and `patience` with a service that is away
    in seconds; `min_score`: objects with a lower score are left out.
    """

    endpoints: str
    out: str
    models: tuple[Model, ...]
    carried: pa.Schema
    in_flight: int
    timeout: float
    patience: float
    min_score: float


@dataclass(frozen=True)
class Started:
    """A chunk under way: a row for each of its photos, sooner or later."""

    chunk: Chunk
    rows: list[Future[Row]]


class Scorer:
    """`seen`: photos answered by finished parts, None to know only those of the chunks under way.
    `tell` is called with each row as it is done."""

    def __init__(self, job: Job, seen: Seen | None = None, tell: Callable[[Row], None] = lambda row: None) -> None:
        self._job, self._seen, self._tell = job, seen, tell
        self._dataset = Dataset(job.out)
        self._schema = make_schema(job.models, job.carried)
        self._versions = [(model.name, f"{model.version} {model.checksum}") for model in job.models]
        self._triton = Triton(job.endpoints, job.timeout)
        self._asker = Asker(self._triton, job.models, job.min_score, job.patience)
        # Triton's calls wait in C: a thread per request costs less than an event loop.
        self._pool = ThreadPoolExecutor(job.in_flight)
        self._lock = threading.Lock()
        self._open: dict[str, Future[Row]] = {}

    def __enter__(self) -> "Scorer":
        return self

    def __exit__(self, *error: object) -> None:
        self._asker.stop()
        # Requests that are broken off may crash Triton before 25.03: those under way get time to be answered.
        breaking_off = threading.Timer(GRACE_SECONDS, self._triton.close)
        breaking_off.start()
        self._pool.shutdown(cancel_futures=True)
        breaking_off.cancel()
        self._triton.close()

    def start(self, chunk: Chunk) -> Started:
        """Photos are read when their turn comes: what waits holds their names alone."""
        return Started(chunk, [self._pool.submit(self._score, photo) for photo in chunk.photos])

    def finish(self, started: Started) -> Counts:
        """Wait for the chunk and write its part.

        Raises:
            ModelsChanged: the service has other models now; the part is not written.
        """
        rows = [future.result() for future in started.rows]
        table = self._make_table(rows, started.chunk.carried)
        self._check_models()
        part = self._dataset.write_part(started.chunk.number, table, started.chunk.fingerprint())
        if self._seen is not None:
            self._seen.add(part)
        with self._lock:
            for row in rows:
                self._open.pop(row.get("sha256") or "", None)
        return part.counts

    def _score(self, photo: Photo) -> Row:
        row: Row = {"models": self._versions}
        try:
            content = photo.read()
        except Unreadable as error:
            row["error"] = f"{ErrorKind.SOURCE}: {error}"
        else:
            row["sha256"] = hashlib.sha256(content).hexdigest()
            row |= self._answer(row["sha256"], content)
        self._tell(row)
        # A table's or a file system's name may have bytes that are no text.
        return row | {"source": photo.source.encode(errors="replace").decode()}

    def _answer(self, sha256: str, content: bytes) -> Row:
        """The same photo is asked for once: who comes second waits for the first."""
        found = self._seen.find(sha256) if self._seen is not None else None
        if found is not None:
            return found
        with self._lock:
            answer, is_first = self._open.get(sha256), sha256 not in self._open
            if answer is None:
                answer = self._open[sha256] = Future()
        if is_first:
            try:
                answer.set_result(self._asker.ask(content))
            except BaseException as error:
                answer.set_exception(error)
        return answer.result()

    def _make_table(self, rows: list[Row], carried: pa.Table) -> pa.Table:
        own = pa.schema(list(self._schema)[len(carried.schema) :])
        columns = pa.Table.from_pylist(rows, own).columns
        return pa.table([*carried.columns, *columns], schema=self._schema)

    def _check_models(self) -> None:
        names = tuple(model.name for model in self._job.models)
        try:
            now = self._triton.models(names)
        except ServiceAway:
            return
        if tuple(now) != self._job.models:
            raise ModelsChanged("the service's models changed during the run" + describe_change(self._job.models, now))


def describe_change(before: "list[Model] | tuple[Model, ...]", now: "list[Model] | tuple[Model, ...]") -> str:
    """What differs, model by model."""
    old = {model.name: f"{model.version} {model.checksum}" for model in before}
    new = {model.name: f"{model.version} {model.checksum}" for model in now}
    changed = [f"{name}: {old.get(name)} → {new.get(name)}" for name in old | new if old.get(name) != new.get(name)]
    return f" ({'; '.join(changed)})" if changed else " (their labels differ)"
