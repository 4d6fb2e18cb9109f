"""The errors that export tells its user in one line.

ExportError
├── ManifestError     models.toml is wrong
├── CheckpointError   a checkpoint cannot be read or does not fit its entry
├── ParityError       the ONNX network computes something else than its framework
├── PrecisionError    a lower precision costs more accuracy than the entry tolerates
└── TargetError       what a GPU target needs is not here
"""

import re

ANSI = re.compile(r"\x1b\[[0-9;]*m")  # the colours of a terminal


def find_cause(error: BaseException) -> BaseException:
    """The innermost error that it was raised from: exporters say last what they began with."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def first_line(error: BaseException) -> str:
    """The start of a foreign message, for a one-line error; TorchScript's begin with their traceback."""
    lines = ANSI.sub("", str(error)).strip().splitlines()
    if not lines:
        return type(error).__name__
    return lines[-1 if "TorchScript interpreter" in lines[0] else 0][:300]


class ExportError(Exception):
    """Something the user can mend; the message names file, cause and remedy."""


class ManifestError(ExportError):
    pass


class CheckpointError(ExportError):
    pass


class ParityError(ExportError):
    pass


class PrecisionError(ExportError):
    pass


class TargetError(ExportError):
    pass
