"""How far a run is: one line that is overwritten on a terminal, a line now and then elsewhere."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from scoring.answers import Row
from scoring.dataset import Counts
from scoring.errors import ScoringError
from scoring.schema import ErrorKind

TERMINAL_SECONDS, PLAIN_SECONDS = 0.5, 10.0


class Progress:
    """Thread-safe. `done`: rows of finished parts; `count` finds how many rows there are, beside the run."""

    def __init__(self, done: Counts, count: Callable[[], int]) -> None:
        self._before, self._counted = done, Counter({"rows": done.rows, "broken": done.broken})
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._began = time.monotonic()
        self._total: int | None = None
        self._is_terminal = sys.stderr.isatty()
        self._threads = [
            threading.Thread(target=target, args=args, daemon=True)
            for target, args in ((self._count, (count,)), (self._repeat, ()))
        ]

    def __enter__(self) -> "Progress":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._threads[1].join()
        if self._is_terminal:
            print(file=sys.stderr)

    def tell(self, row: Row) -> None:
        """One more row."""
        error = row.get("error")
        is_broken = error is not None and error.startswith(ErrorKind.PICTURE)
        self.add(Counts(1, int(is_broken), int(error is not None and not is_broken)))

    def add(self, counts: Counts) -> None:
        with self._lock:
            self._counted.update(rows=counts.rows, broken=counts.broken, failed=counts.failed)

    def counts(self) -> Counts:
        with self._lock:
            return Counts(*(self._counted[name] for name in ("rows", "broken", "failed")))

    def summarise(self) -> str:
        """The closing line."""
        counts, seconds = self.counts(), time.monotonic() - self._began
        new = counts.rows - self._before.rows
        before = f", {self._before.rows:,} of them by earlier runs" if self._before.rows else ""
        return (
            f"{counts.rows:,} photos{before}; {counts.broken:,} broken, {counts.failed:,} failed; "
            f"{new / max(seconds, 1e-3):.1f} photos/s for {show_time(seconds)}"
        )

    def describe(self) -> str:
        """Photos done, rate, errors, time left."""
        counts, seconds = self.counts(), time.monotonic() - self._began
        rate = (counts.rows - self._before.rows) / max(seconds, 1e-3)
        total = f" of {self._total:,}" if self._total is not None else ""
        line = f"{counts.rows:,}{total} photos, {rate:.1f}/s, {counts.broken:,} broken, {counts.failed:,} failed"
        if self._total is not None and rate:
            line += f", {show_time((self._total - counts.rows) / rate)} left"
        return line

    def _count(self, count: Callable[[], int]) -> None:
        # Sources that cannot be read end the run itself.
        with suppress(ScoringError):
            self._total = count()

    def _repeat(self) -> None:
        while not self._ended.wait(TERMINAL_SECONDS if self._is_terminal else PLAIN_SECONDS):
            self._print()
        if self._is_terminal:
            self._print()

    def _print(self) -> None:
        # \x1b[K erases the rest of a longer line before.
        line = f"\r{self.describe()}\x1b[K" if self._is_terminal else f"{self.describe()}\n"
        print(line, end="", file=sys.stderr, flush=True)


def show_time(seconds: float) -> str:
    return str(timedelta(seconds=round(max(seconds, 0.0))))
