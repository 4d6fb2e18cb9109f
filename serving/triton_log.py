"""Which lines of Triton's log are worth printing."""

import re

LEVEL = re.compile(r"^([IWEF])\d{4} \d\d:\d\d:\d\d")
# What Triton says on every machine without a GPU, although nothing is wrong.
EXPECTED = (
    "CudaDriverHelper has not been initialized",
    "CUDA driver version is insufficient for CUDA runtime version",
    "failed to allocate pinned system memory: no pinned memory pool",
)


class TritonLogFilter:
    """Picks warnings and errors with the lines that belong to them, such as a traceback."""

    def __init__(self) -> None:
        self._notable = False

    def __call__(self, line: str) -> bool:
        level = LEVEL.match(line)
        if level:
            self._notable = level[1] != "I" and not any(text in line for text in EXPECTED)
        elif line.startswith(("error:", "Traceback")):
            self._notable = True
        return self._notable and bool(line)
