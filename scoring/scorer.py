"""The scoring step, which every engine calls: a chunk of photos in, a finished part out."""

import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from scoring.answers import Row, is_broken_picture
from scoring.asking import Asker
from scoring.blocks import Chunk
from scoring.dataset import Counts, Dataset
from scoring.errors import ModelsChanged, ServiceAway
from scoring.photos import Photo, Unreadable
from scoring.schema import ErrorKind, Model, make_schema
from scoring.seen import Seen
from scoring.triton import Triton

GRACE_SECONDS = 10.0
# After a stop, requests that were planned go on for as long as the next run takes to start, so that Triton is not idle.
OVERLAP_SECONDS = 1.0
# Of the photos in a request, unless one alone has more: protobuf and gRPC hold copies of them.
REQUEST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Job:
    """What a run is asked for; it travels to the workers of a cluster.

    `max_batch_size`: photos that one request may have; `in_flight`: photos in requests at a time, per worker;
    `timeout` of one request and `patience` with a service that is away in seconds; `min_score`: objects with a lower
    score are left out.
    """

    endpoints: str
    out: str
    models: tuple[Model, ...]
    carried: pa.Schema
    max_batch_size: int
    in_flight: int
    timeout: float
    patience: float
    min_score: float


@dataclass(frozen=True)
class Started:
    """A chunk under way: the rows of its photos, request by request, sooner or later."""

    chunk: Chunk
    rows: list[Future[list[Row]]]


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
        # As few requests as hold the photos in flight, all of one size.
        requests = math.ceil(job.in_flight / job.max_batch_size)
        self._photos_per_request = job.in_flight // requests
        # Triton's calls wait in C: a thread per request costs less than an event loop.
        self._requests, self._reads = ThreadPoolExecutor(requests), ThreadPoolExecutor(job.in_flight)
        self._breaking_off = threading.Timer(GRACE_SECONDS, self._triton.close)
        self._ends = math.inf
        self._lock = threading.Lock()
        self._open: dict[str, Future[Row]] = {}

    def __enter__(self) -> "Scorer":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self._requests.shutdown(cancel_futures=True)
        self._reads.shutdown()
        self._breaking_off.cancel()
        self._triton.close()

    @property
    def is_stopped(self) -> bool:
        return self._asker.is_stopped

    def stop(self) -> None:
        """Plan no further request. Those that are broken off may crash Triton before 25.03: they get time."""
        if not self.is_stopped:
            # On a store no next run would find their answers.
            self._ends = time.monotonic() + (OVERLAP_SECONDS if self._dataset.is_local else 0.0)
            self._asker.stop()
            self._breaking_off.start()

    def start(self, chunk: Chunk) -> Started:
        """Photos are read when their turn comes: what waits holds their names alone."""
        # Two requests at least, as one would leave half of Triton idle.
        size = min(self._photos_per_request, math.ceil(len(chunk.photos) / 2))
        groups = (chunk.photos[first : first + size] for first in range(0, len(chunk.photos), size))
        return Started(chunk, [self._requests.submit(self._score, group) for group in groups])

    def finish(self, started: Started) -> Counts:
        """Wait for the chunk and write its part; no rows if it is left out, for being stopped.

        Raises:
            ModelsChanged: the service has other models now; the part is not written.
        """
        rows = [row for future in started.rows for row in future.result()]
        if self._leaves_out(rows, started.chunk):
            return Counts()
        table = self._make_table(rows, started.chunk.carried)
        self._check_models()
        part = self._dataset.write_part(started.chunk.number, table, started.chunk.fingerprint())
        if self._seen is not None:
            self._seen.add(part)
        with self._lock:
            for row in rows:
                self._open.pop(row.get("sha256") or "", None)
        return part.counts

    def _leaves_out(self, rows: list[Row], chunk: Chunk) -> bool:
        """Whether a run that is stopped leaves the chunk to the next one: not all of its photos were answered in time.

        On a store it leaves all: no next run waits there until this one has ended.
        """
        if not self.is_stopped:
            return False
        answered = sum(row.get("error") is None or is_broken_picture(row["error"]) for row in rows)
        return answered < len(chunk.photos) or not self._dataset.is_local or not self._breaking_off.is_alive()

    def _score(self, photos: list[Photo]) -> list[Row]:
        """The rows of photos that go to Triton together; none of those whose turn comes after the end."""
        if time.monotonic() > self._ends:
            return []
        read = list(self._reads.map(read_photo, photos))
        answers = self._answer({row["sha256"]: content for row, content in read if content is not None})
        rows = [answers.get(row.get("sha256", ""), {}) | row | {"models": self._versions} for row, _ in read]
        for row in rows:
            self._tell(row)
        return rows

    def _answer(self, contents: dict[str, bytes]) -> dict[str, Row]:
        """Answers by SHA-256. The same photo is asked for once: who comes second waits for the first."""
        found = {sha256: row for sha256 in contents if self._seen is not None and (row := self._seen.find(sha256))}
        with self._lock:
            first: dict[str, Future[Row]] = {
                sha256: Future() for sha256 in contents if sha256 not in found and sha256 not in self._open
            }
            self._open |= first
            open = {sha256: self._open[sha256] for sha256 in contents if sha256 not in found}
        for some in split({sha256: contents[sha256] for sha256 in first}):
            self._ask(list(some.values()), [first[sha256] for sha256 in some])
        return found | {sha256: answer.result() for sha256, answer in open.items()}

    def _ask(self, images: list[bytes], answers: list[Future[Row]]) -> None:
        try:
            rows = self._asker.ask(images)
        except BaseException as error:
            for answer in answers:
                answer.set_exception(error)
        else:
            for answer, row in zip(answers, rows, strict=True):
                answer.set_result(row)

    def _make_table(self, rows: list[Row], carried: pa.Table) -> pa.Table:
        own = pa.schema(list(self._schema)[len(carried.schema) :])
        columns = pa.Table.from_pylist(rows, own).columns
        return pa.table([*carried.columns, *columns], schema=self._schema)

    def _check_models(self) -> None:
        names = tuple(model.name for model in self._job.models)
        try:
            now = self._triton.describe(names).models
        except ServiceAway:
            return
        if now != self._job.models:
            raise ModelsChanged("the service's models changed during the run" + describe_change(self._job.models, now))


def split(contents: dict[str, bytes]) -> Iterator[dict[str, bytes]]:
    """Files in one request each: all of them, but for large ones."""
    some: dict[str, bytes] = {}
    for sha256, content in contents.items():
        if some and sum(map(len, some.values())) + len(content) > REQUEST_BYTES:
            yield some
            some = {}
        some[sha256] = content
    if some:
        yield some


def read_photo(photo: Photo) -> tuple[Row, bytes | None]:
    """What is known before it is asked for, and the file, None if it cannot be read."""
    # A table's or a file system's name may have bytes that are no text.
    row: Row = {"source": photo.source.encode(errors="replace").decode()}
    try:
        content = photo.read()
    except Unreadable as error:
        return row | {"error": f"{ErrorKind.SOURCE}: {error}"}, None
    return row | {"sha256": hashlib.sha256(content).hexdigest()}, content


def describe_change(before: Sequence[Model], now: Sequence[Model]) -> str:
    """What differs, model by model."""
    old = {model.name: f"{model.version} {model.checksum}" for model in before}
    new = {model.name: f"{model.version} {model.checksum}" for model in now}
    changed = [f"{name}: {old.get(name)} → {new.get(name)}" for name in old | new if old.get(name) != new.get(name)]
    return f" ({'; '.join(changed)})" if changed else " (their labels differ)"
