"""Photos that wait for Triton travel together: in one request each costs the server less than in one of its own."""

import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from gateway.problems import Overloaded, Problem
from gateway.triton import Metadata, Tensors, TritonClient

# Most photos of a group. Eight is what the ensemble takes at a time; more would be cut again.
GROUP = 8
# How long a group that may go waits for more, as clients that were answered a moment ago are about to ask again. It is
# as long where two groups' worth of asks is about, and shorter in proportion: with little to do it seldom pays.
COMPANY_SECONDS = 0.02


@dataclass(eq=False)
class Ask:
    """The encoded `images` of a request, the `outputs` that it wants for each, and what became of them.

    `deadline` and `began`, when its way to Triton began: seconds of the monotonic clock. `alone`: takes nobody along.
    `leads`: it has a place, and sends a group. `called`: it leads now, or has its results.
    """

    images: list[bytes]
    outputs: Sequence[str]
    deadline: float
    metadata: Metadata = ()
    alone: bool = False
    began: float = 0.0
    leads: bool = False
    results: list[Tensors | Problem] = field(default_factory=list)
    called: threading.Event = field(default_factory=threading.Event)


class Batcher:
    """At most `places` groups are under way at a time. Who comes meanwhile waits, and whose turn it is takes along
    those that wait for the same outputs. A client that asks alone never waits for company.

    It has no threads: a group is sent by the thread of its first ask. Safe to share between threads.
    """

    def __init__(self, client: TritonClient, places: int, waiting: int, seconds: float) -> None:
        """At most `waiting` asks wait, each at most `seconds`."""
        self._client, self._places, self._most, self._seconds = client, places, waiting, seconds
        self._free = places
        self._waiting: list[Ask] = []
        self._under_way = 0
        # Asks that were under way or waited, each time that a group came back of late.
        self._crowds: deque[int] = deque([1], maxlen=2 * places)
        self._changed = threading.Condition()

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
        if not ask.leads:
            self._wait(ask)
        if ask.leads:
            self._lead(ask)
        if not ask.results:
            raise Problem("the service failed while it answered another request along with this one")

    def _join(self, ask: Ask) -> None:
        with self._changed:
            if self._free:
                self._free -= 1
                ask.leads = True
            elif len(self._waiting) < self._most:
                self._waiting.append(ask)
                if self._is_company():
                    self._changed.notify()
            else:
                raise Overloaded("all places are taken; try again soon")

    def _wait(self, ask: Ask) -> None:
        """Until `ask` is to lead a group, or another that took it along has its results."""
        if ask.called.wait(self._seconds):
            return
        with self._changed:
            if ask in self._waiting:
                self._waiting.remove(ask)
                raise Overloaded("no place became free in time; try again soon")
        ask.called.wait()  # it is under way, and its deadline ends that

    def _lead(self, ask: Ask) -> None:
        group = self._gather(ask)
        try:
            self._send(group)
        finally:
            self._leave(group)
            for other in group[1:]:
                other.called.set()

    def _gather(self, first: Ask) -> list[Ask]:
        """Who goes: `first`, and those that can go along."""
        with self._changed:
            if not first.alone:
                seconds = COMPANY_SECONDS * min(1.0, median(self._crowds) / (2 * GROUP))
                self._changed.wait_for(self._is_company, seconds)
            group = self._choose(first)
            self._under_way += len(group)
        now = time.monotonic()
        for ask in group:
            ask.began = now
        return group

    def _is_company(self) -> bool:
        """Whether as many wait as can be hoped for: an even share of the crowd, or all of it that is not under way."""
        crowd = max(self._crowds)
        hoped = min(GROUP, math.ceil(crowd / self._places), crowd - self._under_way)
        return len(self._waiting) + 1 >= hoped

    def _choose(self, first: Ask) -> list[Ask]:
        group, room = [first], GROUP - len(first.images)
        for other in [] if first.alone else list(self._waiting):
            if not other.alone and other.outputs == first.outputs and len(other.images) <= room:
                self._waiting.remove(other)
                group.append(other)
                room -= len(other.images)
        return group

    def _send(self, group: list[Ask]) -> None:
        first = group[0]
        images = [image for ask in group for image in ask.images]
        seconds = min(ask.deadline for ask in group) - time.monotonic()
        # The photos of a lone ask are spread over all places, for it is Triton's cores that make them quick.
        parts = self._places if len(group) == 1 else 1
        results = iter(self._client.analyze(images, first.outputs, seconds, first.metadata, parts))
        for ask in group:
            ask.results = [next(results) for _ in ask.images]

    def _leave(self, group: list[Ask]) -> None:
        """Give the place to the one that has waited longest, or leave it free."""
        with self._changed:
            self._crowds.append(self._under_way + len(self._waiting))
            self._under_way -= len(group)
            if not self._waiting:
                self._free += 1
                return
            first = self._waiting.pop(0)
            first.leads = True
        first.called.set()
