"""Photos that wait for Triton share a request. That saves messages, not compute: Triton batches by itself."""

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition

from gateway.operations.pace import FORGET, Pace
from gateway.problems import Overloaded
from gateway.triton import Metadata, Outcome, TritonClient

# Most photos of one request: the ensemble's own limit; more would be split again.
MAX_BATCH = 8
# How long a leader waits for its share of the clients that were here lately: who was answered asks again.
MAX_QUEUE_DELAY_SECONDS = 0.02


@dataclass(eq=False)
class PendingRequest:
    """Encoded `images` and the `outputs` wanted for each.

    `deadline` and `sent`: seconds of the monotonic clock. `no_batching`: shares its request with nobody. `future`:
    the outcomes, one per image; or None where it is this request's turn to lead.
    """

    images: list[bytes]
    outputs: Sequence[str]
    deadline: float
    metadata: Metadata = ()
    no_batching: bool = False
    sent: float | None = None
    future: Future[list[Outcome] | None] = field(default_factory=Future)


class Batcher:
    """At most `max_concurrent` requests to Triton are under way. Who comes meanwhile waits. When one ends, the request
    that waited longest leads the next, in its own thread, and takes along those that want the same outputs.

    Safe to share between threads.
    """

    def __init__(self, client: TritonClient, max_concurrent: int, max_waiting: int, queue_seconds: float) -> None:
        """At most `max_waiting` requests wait, each at most `queue_seconds`; whoever would wait longer is refused."""
        self._client, self._max_concurrent = client, max_concurrent
        self._max_waiting, self._queue_seconds = max_waiting, queue_seconds
        self._permits = max_concurrent
        self._present, self._concurrency = 0, 0.0  # requests that are here, and how many were lately
        self._waiting: deque[PendingRequest] = deque()
        self._pace = Pace()
        self._lock = Condition()

    def is_full(self) -> bool:
        """Whether a request would be refused at once."""
        with self._lock:
            if self._permits:
                return False
            return len(self._waiting) >= self._max_waiting or self._estimate_wait() > self._queue_seconds

    def _estimate_wait(self) -> float:
        """Seconds for those under way and those that wait, by the pace of late. Somebody may always wait, so that the
        pace stays known."""
        ahead = sum(len(request.images) for request in self._waiting)
        return self._pace.estimate(MAX_BATCH + ahead) if ahead else 0.0

    def run(self, request: PendingRequest) -> list[Outcome]:
        """The outcome of each image.

        Raises:
            Overloaded: too many wait already for its turn to come in time, or it did not.
            Exception: whatever the call raised in which it was sent; each request gets an exception of its own.
        """
        try:
            outcomes = None if self._admit(request) else self._wait(request)
            return self._lead(request) if outcomes is None else outcomes
        finally:
            with self._lock:
                self._present -= 1

    def _admit(self, request: PendingRequest) -> bool:
        """Whether it may lead at once; otherwise it waits."""
        with self._lock:
            self._present += 1
            self._concurrency = max(self._present, self._concurrency)
            if self._permits:
                self._permits -= 1
                return True
            if self.is_full():
                raise Overloaded("the service is busy; try again soon")
            self._waiting.append(request)
            self._lock.notify_all()
            return False

    def _wait(self, request: PendingRequest) -> list[Outcome] | None:
        try:
            return request.future.result(self._queue_seconds)
        except TimeoutError:
            with self._lock:
                if request in self._waiting:
                    self._waiting.remove(request)
                    raise Overloaded("the service was busy for too long; try again soon") from None
        return request.future.result()  # it is under way, and its deadline ends that

    def _lead(self, leader: PendingRequest) -> list[Outcome]:
        batch = self._take_batch(leader)
        try:
            results = self._send(batch)
        except BaseException as error:
            for companion in batch[1:]:
                companion.future.set_exception(duplicate(error))
            raise
        finally:
            self._release(sum(len(request.images) for request in batch))
        for companion, outcomes in zip(batch[1:], results[1:], strict=True):
            companion.future.set_result(outcomes)
        return results[0]

    def _take_batch(self, leader: PendingRequest) -> list[PendingRequest]:
        """The leader, and those that can share its request."""
        batch, room = [leader], MAX_BATCH - len(leader.images)
        with self._lock:
            if not leader.no_batching:
                self._lock.wait_for(self._has_company, MAX_QUEUE_DELAY_SECONDS)
            for other in () if leader.no_batching else tuple(self._waiting):
                if not other.no_batching and other.outputs == leader.outputs and len(other.images) <= room:
                    self._waiting.remove(other)
                    batch.append(other)
                    room -= len(other.images)
        now = time.monotonic()
        for request in batch:
            request.sent = now
        return batch

    def _send(self, batch: list[PendingRequest]) -> list[list[Outcome]]:
        leader = batch[0]
        images = [image for request in batch for image in request.images]
        seconds = min(request.deadline for request in batch) - time.monotonic()
        # The photos of a request alone are spread over all permits, for it is Triton's cores that make them quick.
        parts = self._max_concurrent if len(batch) == 1 else 1
        outcomes = iter(self._client.analyze(images, leader.outputs, seconds, leader.metadata, parts))
        return [[next(outcomes) for _ in request.images] for request in batch]

    def _has_company(self) -> bool:
        """Whether the batch has its share of the clients that were here lately; one that is alone has."""
        return len(self._waiting) + 1 >= min(MAX_BATCH, self._concurrency / self._max_concurrent)

    def _release(self, photos: int) -> None:
        """Pass the permit to the request that has waited longest, or keep it free; `photos` were answered."""
        with self._lock:
            self._pace.note(photos, bool(self._waiting))
            self._concurrency = max(self._present, self._concurrency * FORGET)
            if not self._waiting:
                self._permits += 1
                return
            leader = self._waiting.popleft()
        leader.future.set_result(None)


def duplicate(error: BaseException) -> BaseException:
    """The same error for another thread to raise, with a traceback of its own."""
    twin = BaseException.__new__(type(error), *error.args)
    twin.__dict__.update(error.__dict__)
    twin.__cause__ = error
    return twin
