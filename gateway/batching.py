"""Photos that wait for Triton travel together: in one request each costs the server less than in one of its own."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.problems import Overloaded, Problem
from gateway.triton import Metadata, Tensors, TritonClient

# Most photos of a group. Eight is what the ensemble takes at a time; more would be cut again.
GROUP = 8


@dataclass(eq=False)
class Ask:
    """The encoded `images` of a request, the `outputs` that it wants for each, and what became of them.

    `deadline` and `began`, when its way to Triton began: seconds of the monotonic clock. `alone`: takes nobody along.
    """

    images: list[bytes]
    outputs: Sequence[str]
    deadline: float
    metadata: Metadata = ()
    alone: bool = False
    began: float = 0.0
    results: list[Tensors | Problem] = field(default_factory=list)
    # If it leads: itself, and those that travel with it.
    group: list["Ask"] = field(default_factory=list)
    called: threading.Event = field(default_factory=threading.Event)


class Batcher:
    """At most `places` groups are under way at a time. Who comes meanwhile waits, and whose turn it is takes along
    those that wait for the same outputs. Nobody waits for company: while a place is free, an ask goes at once.

    It has no threads: a group is sent by the thread of its first ask. Safe to share between threads.
    """

    def __init__(self, client: TritonClient, places: int, waiting: int, seconds: float) -> None:
        """At most `waiting` asks wait, each at most `seconds`."""
        self._client, self._places, self._most, self._seconds = client, places, waiting, seconds
        self._free = places
        self._waiting: list[Ask] = []
        self._lock = threading.Lock()

    def is_full(self) -> bool:
        """Whether an ask would be refused at once."""
        return not self._free and len(self._waiting) >= self._most

    def run(self, ask: Ask) -> None:
        """Have the results filled in.

        Raises:
            Overloaded: too many wait already, or its turn did not come in time.
            Problem: the request with which it travelled failed.
        """
        self._join(ask)
        if not ask.group:
            self._wait(ask)
        if ask.group:
            self._lead(ask.group)
        if not ask.results:
            raise Problem("the service failed while it answered another request along with this one")

    def _join(self, ask: Ask) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                begin([ask])
            elif len(self._waiting) < self._most:
                self._waiting.append(ask)
            else:
                raise Overloaded("all places are taken; try again soon")

    def _wait(self, ask: Ask) -> None:
        """Until `ask` is to lead a group, or another that took it along has its results."""
        if ask.called.wait(self._seconds):
            return
        with self._lock:
            if ask in self._waiting:
                self._waiting.remove(ask)
                raise Overloaded("no place became free in time; try again soon")
        ask.called.wait()  # it is under way, and its deadline ends that

    def _lead(self, group: list[Ask]) -> None:
        try:
            self._send(group)
        finally:
            self._call_next()
            for other in group[1:]:
                other.called.set()
            group.clear()  # it holds its leader, which holds it: photos would stay until Python looks for such circles

    def _send(self, group: list[Ask]) -> None:
        first = group[0]
        images = [image for ask in group for image in ask.images]
        seconds = min(ask.deadline for ask in group) - time.monotonic()
        # The photos of a lone ask are spread over all places, for it is Triton's cores that make them quick.
        parts = self._places if len(group) == 1 else 1
        results = iter(self._client.analyze(images, first.outputs, seconds, first.metadata, parts))
        for ask in group:
            ask.results = [next(results) for _ in ask.images]

    def _call_next(self) -> None:
        """Give the place to those who wait, or leave it free."""
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            group = self._choose()
            begin(group)
        group[0].called.set()

    def _choose(self) -> list[Ask]:
        """Who has waited longest, and those that can go along."""
        first = self._waiting.pop(0)
        group, room = [first], GROUP - len(first.images)
        for other in [] if first.alone else list(self._waiting):
            if not other.alone and other.outputs == first.outputs and len(other.images) <= room:
                self._waiting.remove(other)
                group.append(other)
                room -= len(other.images)
        return group


def begin(group: list[Ask]) -> None:
    now = time.monotonic()
    for ask in group:
        ask.began = now
    group[0].group = group
