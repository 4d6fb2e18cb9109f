"""Become a command that ends when its parent ends: `python follow_parent.py PARENT COMMAND [ARGUMENT ...]`.

The same could be done by subprocess' `preexec_fn`, which is not safe beside threads: those of gRPC abort in the new
process, now and then, before the command has begun (https://github.com/grpc/grpc/issues/43055).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
COMMAND_NOT_FOUND = 127  # as a shell says it


def follow_parent(parent: int, command: list[str]) -> None:
    """Have the kernel send SIGTERM when the parent has gone, however it went; see prctl(2). Does not return."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    if os.getppid() != parent:
        sys.exit("its parent has gone already")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(COMMAND_NOT_FOUND)


if __name__ == "__main__":
    follow_parent(int(sys.argv[1]), sys.argv[2:])
