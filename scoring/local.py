"""The engine of one process."""

from collections import deque
from collections.abc import Iterable

from scoring.blocks import Chunk
from scoring.progress import Progress
from scoring.scorer import Job, Scorer, Started
from scoring.seen import Seen


def run_local(job: Job, chunks: Iterable[Chunk], seen: Seen, progress: Progress) -> None:
    """Score the chunks. The next one is under way before one is waited for, so that no request is missing."""
    started: deque[Started] = deque()
    with Scorer(job, seen, progress.tell) as scorer:
        for chunk in chunks:
            started.append(scorer.start(chunk))
            while sum(len(later.chunk.photos) for later in list(started)[1:]) >= 2 * job.in_flight:
                scorer.finish(started.popleft())
        while started:
            scorer.finish(started.popleft())
