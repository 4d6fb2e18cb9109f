"""The engine of one process."""

import math
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from contract.card import Catalog
from scoring.batches import BATCH_ROWS, Batch
from scoring.errors import Stopped, UsageError
from scoring.job import Job
from scoring.progress import Progress
from scoring.scorer import Scorer, Started


def run_local(job: Job, catalog: Catalog, carried: pa.Schema, batches: Iterable[Batch], progress: Progress) -> None:
    """Score the batches.

    Raises:
        Stopped: by a signal; the batches that were answered by then are parts.
        UsageError: a source breaks off; the batches before are parts.
    """
    # So many photos wait beside the batch that is waited for that no request is missing.
    ahead = math.ceil(2 * job.in_flight / BATCH_ROWS)
    started: deque[Started] = deque()
    problem = None
    with Scorer(job, catalog, carried) as scorer, stopped_by_signals(scorer.stop):
        try:
            for batch in batches:
                if scorer.is_stopped:
                    break
                started.append(scorer.start(batch))
                if len(started) > ahead:
                    scorer.finish(started.popleft(), progress.add)
        except UsageError as error:
            problem = error
        while started:
            scorer.finish(started.popleft(), progress.add)
        if problem is not None:
            raise problem
        if scorer.is_stopped:
            raise Stopped


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT or SIGTERM lets what is under way end: Triton before 25.03 may crash when a request is cut off
    (server issues 7368, 8034). The second one ends the run at once."""

    def handle(*_: object) -> None:
        stop()
        for number in before:
            signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
