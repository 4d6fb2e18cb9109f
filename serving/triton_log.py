"""Which lines of Triton's log are worth printing, and what they say about its end."""

import re
from collections.abc import Iterable

LEVEL = re.compile(r"^([IWEF])\d{4} \d\d:\d\d:\d\d")
# What Triton says on every machine without a GPU, although nothing is wrong.
EXPECTED = (
    "CudaDriverHelper has not been initialized",
    "CUDA driver version is insufficient for CUDA runtime version",
    "failed to allocate pinned system memory: no pinned memory pool",
)
TABLES = ("+--", "| ", "Signal (")
LOAD_FAILURE = re.compile(r"failed to load '(?P<model>.+?)' version (?P<version>\d+): (?P<reason>.+?)(\\n|\"?$)")
# Of a stub that was stopped or killed, by the kernel for too much memory for one. Triton 24.10 starts no other.
UNHEALTHY = "is not healthy"


class TritonLogFilter:
    """Picks warnings and errors with the lines that belong to them, such as a traceback."""

    def __init__(self) -> None:
        self._notable = False

    def __call__(self, line: str) -> bool:
        level = LEVEL.match(line)
        if level:
            self._notable = level[1] != "I" and not any(text in line for text in EXPECTED)
            return self._notable
        # What stubs say, or the shell that starts them, has no level; Triton's own tables have none either.
        return bool(line) and (self._notable or not line.startswith(TABLES))


def find_load_failures(lines: Iterable[str]) -> list[str]:
    """The models that could not be loaded, each with its reason."""
    matches = [match for line in lines if (match := LOAD_FAILURE.search(line))]
    return [f"model {match['model']!r} version {match['version']}: {explain(match['reason'])}" for match in matches]


def explain(reason: str) -> str:
    """What Triton says of a model, with what it does not say of a process that was killed as it started."""
    return f"{reason} Where memory is short, the kernel kills processes." if UNHEALTHY in reason else reason
