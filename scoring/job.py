"""What a run is asked for: the command line as one object, which also travels to the workers of a cluster."""

from dataclasses import dataclass

from scoring.sources import Sources


@dataclass(frozen=True)
class Job:
    """`python -m scoring --help` explains each.

    `in_flight`: photos in requests at a time, per process or actor; `timeout` of one request and `patience` with a
    service that is away in seconds.
    """

    sources: Sources
    out: str
    outputs: tuple[str, ...] = ()
    endpoint: str = "127.0.0.1:8001"
    engine: str = "local"
    address: str | None = None
    actors: int | None = None
    in_flight: int = 32
    timeout: float = 60.0
    patience: float = 120.0
    min_score: float | None = None
    restart: bool = False
