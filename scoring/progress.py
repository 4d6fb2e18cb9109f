"""How far a run is."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from tqdm import tqdm

from scoring.dataset import Counts
from scoring.errors import ScoringError

TERMINAL_SECONDS, LOG_SECONDS = 0.5, 10.0


class Progress:
    """A tqdm bar. `done`: rows of finished parts; `count` finds how many rows there are, beside the run."""

    def __init__(self, done: Counts, count: Callable[[], int]) -> None:
        self.counts = self._before = done
        self._began = time.monotonic()
        pause = TERMINAL_SECONDS if sys.stderr.isatty() else LOG_SECONDS
        self._bar = tqdm(initial=done.rows, unit=" photos", mininterval=pause, miniters=1, dynamic_ncols=True)
        threading.Thread(target=self._find_total, args=(count,), daemon=True).start()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def add(self, counts: Counts) -> None:
        self.counts += counts
        self._bar.set_postfix(broken=self.counts.broken, failed=self.counts.failed, refresh=False)
        self._bar.update(counts.rows)

    def summarise(self) -> str:
        """The closing line."""
        seconds = time.monotonic() - self._began
        before = f", {self._before.rows:,} of them by earlier runs" if self._before.rows else ""
        return (
            f"{self.counts.rows:,} photos{before}; {self.counts.broken:,} broken, {self.counts.failed:,} failed; "
            f"{(self.counts.rows - self._before.rows) / max(seconds, 1e-3):.1f} photos/s "
            f"for {timedelta(seconds=round(seconds))}"
        )

    def _find_total(self, count: Callable[[], int]) -> None:
        # Sources that cannot be read end the run itself.
        with suppress(ScoringError):
            self._bar.total = count()
