"""Become a command that ends when its parent ends: `python follow_parent.py PARENT COMMAND [ARGUMENT ...]`.

The same could be done by subprocess' `preexec_fn`, which is not safe beside threads: those of gRPC abort in the new
process, now and then, before the command has begun (https://github.com/grpc/grpc/issues/43055).
"""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
COMMAND_NOT_FOUND = 127  # as a shell says it
OOM_SCORE = Path("/proc/self/oom_score_adj")
SOONER, SOONEST = 500, 1000


def follow_parent(parent: int, command: list[str]) -> None:
    """Have the kernel send SIGTERM when the parent has gone, however it went; see prctl(2). Does not return."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    die_before_parent()
    if os.getppid() != parent:
        sys.exit("its parent has gone already")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(COMMAND_NOT_FOUND)


def die_before_parent() -> None:
    """Where memory is short, have the kernel kill the command and what it starts, not the parent: that starts it again,
    and says why; see proc(5)."""
    with suppress(OSError):  # of a sandbox without that file, which kills whom it likes
        OOM_SCORE.write_text(str(min(int(OOM_SCORE.read_text()) + SOONER, SOONEST)))


if __name__ == "__main__":
    follow_parent(int(sys.argv[1]), sys.argv[2:])
