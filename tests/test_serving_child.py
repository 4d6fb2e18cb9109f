"""How serving starts Triton and the gateway."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from serving.child import Child

ROOT = Path(__file__).parents[1]
# What a library's own fork handlers do in a new process would end it here, as gRPC's threads do now and then.
STARTS_A_CHILD = """
import os, sys
from serving.child import Child
os.register_at_fork(after_in_child=lambda: os.abort())
child = Child("it", sys.argv[1:], dict(os.environ), lambda line: True, verbose=False)
child._process.wait()
child.require_alive()
"""


def test_no_fork_handler_of_a_library_runs_in_a_new_process():
    command = [sys.executable, "-c", STARTS_A_CHILD, "echo", "started"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "ChildDied: it stopped by itself (exit status 0)" in done.stderr


def test_command_that_is_not_there_is_named():
    child = Child("it", ["/nowhere/tritonserver"], dict(os.environ), lambda line: True, verbose=False)
    assert child._process.wait() == 127
    child._reader.join()
    assert list(child._notable) == ["/nowhere/tritonserver: No such file or directory"]


def test_signals_that_python_ignores_are_the_commands_own():
    child = Child(
        "it", ["/bin/cat", "/proc/self/status"], dict(os.environ), lambda line: "SigIgn" in line, verbose=False
    )
    child._process.wait()
    child._reader.join()
    (line,) = child._notable
    ignored = int(line.split()[1], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)
