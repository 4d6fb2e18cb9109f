"""The engine of one process."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from scoring.blocks import Chunk
from scoring.progress import Progress
from scoring.scorer import Job, Scorer, Started
from scoring.seen import Seen


def run_local(job: Job, chunks: Iterable[Chunk], seen: Seen, progress: Progress) -> None:
    """Score the chunks. After a KeyboardInterrupt what was under way still becomes parts, where it makes whole ones."""
    with Scorer(job, seen, progress.tell) as scorer, ThreadPoolExecutor(1) as thread:
        # KeyboardInterrupt comes to the main thread, and inside one of gRPC's calls it would leave the channel locked.
        work = thread.submit(score_chunks, scorer, chunks, 2 * job.in_flight)
        try:
            work.result()
        except KeyboardInterrupt:
            scorer.stop()
            raise


def score_chunks(scorer: Scorer, chunks: Iterable[Chunk], ahead: int) -> None:
    """`ahead`: photos that are under way beside the chunk that is waited for, so that no request is missing."""
    started: deque[Started] = deque()
    for chunk in chunks:
        if scorer.is_stopped:
            break
        started.append(scorer.start(chunk))
        while sum(len(later.chunk.photos) for later in list(started)[1:]) >= ahead:
            scorer.finish(started.popleft())
    while started:
        scorer.finish(started.popleft())
