"""Why a run ends, each with the exit status of `python -m scoring`.

ScoringError
├── UsageError       2  the sources, the dataset or a flag cannot be used; the message says what can
├── ModelsChanged    2  the service has other models than the finished parts
├── ServiceAway      1  the service does not answer at all
└── Stopped        130  by SIGINT or SIGTERM
"""


class ScoringError(Exception):
    """The message is for the user."""

    status = 1


class UsageError(ScoringError):
    status = 2


class ModelsChanged(ScoringError):
    status = 2


class ServiceAway(ScoringError):
    status = 1


class Stopped(ScoringError):
    status = 130

    def __init__(self) -> None:
        super().__init__("stopped; the same command goes on from here")
