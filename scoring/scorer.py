"""The scoring step, which every engine calls: a batch of photos in, a finished part out."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from contract.card import Card, Catalog, list_outputs
from scoring.answers import describe_answer
from scoring.batches import Batch
from scoring.dataset import Counts, Dataset
from scoring.errors import ModelsChanged, ScoringError, ServiceAway, Stopped
from scoring.job import Job
from scoring.photos import Photo, Unreadable
from scoring.schema import ErrorKind, describe_models, make_schema
from scoring.tasks import Row
from scoring.triton import RetryingClient

# Of the photos in a request, unless one alone has more: protobuf and gRPC hold copies of them.
REQUEST_BYTES = 4 * 1024 * 1024
# Answers that are kept for copies of a photo: tables name one photo again and again.
MOST_RECENT = 4096


@dataclass(frozen=True)
class Started:
    """A batch under way. `rows`: those that an earlier run knows, None for others, which `requests` bring."""

    batch: Batch
    rows: list[Row | None]
    requests: list[Future[list[Row]]]


class Scorer:
    """`catalog`: the service's models; `carried`: columns of the source tables."""

    def __init__(self, job: Job, catalog: Catalog, carried: pa.Schema) -> None:
        self._job = job
        self._cards = select(catalog, job)
        self._outputs = list_outputs(self._cards)
        self._schema = make_schema(self._cards, carried)
        self._versions = [(card.name, f"{card.version} {card.checksum}") for card in self._cards]
        self._dataset = Dataset(job.out)
        self._recent: dict[str, Row] = {}
        self._client = RetryingClient(job.endpoint, job.timeout, job.patience)
        # As few requests as hold the photos in flight, all of one size.
        requests = math.ceil(job.in_flight / catalog.max_batch_size)
        self._photos_per_request = job.in_flight // requests
        # Triton's calls wait in C: a thread per request costs less than an event loop.
        self._requests, self._reads = ThreadPoolExecutor(requests), ThreadPoolExecutor(job.in_flight)

    def __enter__(self) -> "Scorer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.stop()
        if kind is not None and not issubclass(kind, ScoringError):
            self._client.close()
        self._requests.shutdown(cancel_futures=True)
        self._reads.shutdown()
        self._client.close()

    @property
    def is_stopped(self) -> bool:
        return self._client.is_stopped

    def stop(self) -> None:
        """Begin no further request; those under way may end. Safe in a signal handler."""
        self._client.stop()

    def start(self, batch: Batch) -> Started:
        """Photos are read when their turn comes: what waits holds their names alone."""
        rows: list[Row | None] = [None] * len(batch.photos)
        if batch.again:
            rows = self._dataset.read_good_rows(batch.number)
        photos = [photo for photo, row in zip(batch.photos, rows, strict=True) if row is None]
        # Two requests at least, as one would leave half of Triton idle.
        size = max(1, min(self._photos_per_request, math.ceil(len(photos) / 2)))
        groups = (photos[first : first + size] for first in range(0, len(photos), size))
        return Started(batch, rows, [self._requests.submit(self._score, group) for group in groups])

    def finish(self, started: Started, on_progress: Callable[[Counts], None] = lambda counts: None) -> Counts:
        """Wait for the batch and write its part. `on_progress` is called with the rows of each request.

        Raises:
            ModelsChanged: the service has other models now; the part is not written.
            Stopped: not all of its photos were answered; the part is not written.
        """
        known = [row for row in started.rows if row is not None]
        on_progress(Counts.of(known))
        answers: list[Row] = []
        for request in started.requests:
            answers += (some := request.result())
            on_progress(Counts.of(some))
        remaining = iter(answers)
        rows = [next(remaining) if row is None else row for row in started.rows]
        table = self._make_table(rows, started.batch)
        self._check_models()
        self._dataset.write_part(started.batch.number, table, started.batch.fingerprint(), Counts.of(rows))
        return Counts.of(rows)

    def _score(self, photos: list[Photo]) -> list[Row]:
        """The rows of photos that go to Triton together."""
        if self.is_stopped:
            raise Stopped
        read = list(self._reads.map(read_photo, photos))
        contents = {row["sha256"]: content for row, content in read if content is not None}
        answers = {sha256: self._recent[sha256] for sha256 in contents if sha256 in self._recent}
        for some in split({sha256: content for sha256, content in contents.items() if sha256 not in answers}):
            answers |= self._ask(some)
        return [answers.get(row.get("sha256", ""), {}) | row | {"models": self._versions} for row, _ in read]

    def _ask(self, contents: dict[str, bytes]) -> dict[str, Row]:
        """What Triton says about files, by SHA-256. One request."""
        began = time.monotonic()
        answers = self._client.ask(list(contents.values()), self._outputs)
        rows = [describe_answer(each, self._cards, self._job.min_score) for each in answers]
        seconds = {"seconds": time.monotonic() - began}
        found = {sha256: row | seconds for sha256, row in zip(contents, rows, strict=True)}
        if len(self._recent) > MOST_RECENT:
            self._recent.clear()
        self._recent.update((sha256, row) for sha256, row in found.items() if not Counts.of([row]).failed)
        return found

    def _make_table(self, rows: list[Row], batch: Batch) -> pa.Table:
        own = pa.schema(list(self._schema)[len(batch.carried.schema) :])
        columns = pa.Table.from_pylist(rows, own).columns
        return pa.table([*batch.carried.columns, *columns], schema=self._schema)

    def _check_models(self) -> None:
        try:
            now = self._client.describe()
        except ServiceAway:
            return
        before = describe_models(self._cards)
        after = describe_models(card for card in now.cards.values() if card.name in before)
        if before != after:
            raise ModelsChanged("the service's models changed during the run" + describe_change(before, after))


def select(catalog: Catalog, job: Job) -> list[Card]:
    """The models that are asked for. Raises contract.failure.UnknownModel."""
    return catalog.with_detectors(catalog.select(job.outputs or None))


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
    # A name may have bytes that are no UTF-8; each stays another name.
    source = photo.source.encode(errors="surrogateescape").decode(errors="backslashreplace")
    row: Row = {"source": source}
    try:
        content = photo.read()
    except Unreadable as error:
        return row | {"error": f"{ErrorKind.SOURCE}: {error}"}, None
    return row | {"sha256": hashlib.sha256(content).hexdigest()}, content


def describe_change(before: dict[str, dict], now: dict[str, dict]) -> str:
    """What differs, model by model."""
    old, new = (
        {name: f"{card['version']} {card['checksum']}" for name, card in cards.items()} for cards in (before, now)
    )
    changed = [f"{name}: {old.get(name)} → {new.get(name)}" for name in old | new if old.get(name) != new.get(name)]
    return f" ({'; '.join(changed)})" if changed else " (their labels or settings differ)"
