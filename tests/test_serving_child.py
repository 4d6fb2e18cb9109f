"""How serving starts Triton and the gateway."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from serving.child import Child
from serving.errors import ChildDied
from serving.triton_log import find_load_failures
from tests.conftest import ROOT

# What a library's own fork handlers do in a new process would end it here, as gRPC's threads do now and then.
WITH_FORK_HANDLER = """
import os, sys
from tests.test_serving_child import run_child
os.register_at_fork(after_in_child=os.abort)
print(run_child("echo", "started"))
"""


def run_child(*command: str) -> str:
    """What a child that ended leaves: its status and what it said."""
    child = Child("it", command, dict(os.environ), lambda line: True, verbose=False)
    while True:
        try:
            child.require_alive()
        except ChildDied as death:
            return str(death)
        time.sleep(0.05)


def test_no_fork_handler_of_a_library_runs_in_a_new_process():
    command = [sys.executable, "-c", WITH_FORK_HANDLER]
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "exit status 0" in said
    assert "started" in said


def test_command_that_is_not_there_is_named():
    said = run_child("/nowhere/tritonserver")
    assert "exit status 127" in said
    assert "/nowhere/tritonserver: No such file or directory" in said


def test_signals_that_python_ignores_are_the_commands_own():
    ignored = int(run_child("grep", "SigIgn", "/proc/self/status").split()[-1], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def test_the_kernel_ends_a_child_before_its_parent_where_memory_is_short():
    assert int(run_child("cat", "/proc/self/oom_score_adj").split()[-1]) == min(own_oom_score() + 500, 1000)


def test_a_stub_that_was_killed_as_it_started_points_at_memory():
    said = "failed to load 'faces' version 1: Internal: Stub process 'faces_0_1' is not healthy."
    (line,) = find_load_failures([f"E1129 19:40:18.625045 8 model_lifecycle.cc:642] {said}"])
    assert line.startswith("model 'faces' version 1: Internal: Stub process")
    assert "memory" in line
    (line,) = find_load_failures(["failed to load 'faces' version 1: Not found: no such file"])
    assert "memory" not in line


def own_oom_score() -> int:
    return int(Path("/proc/self/oom_score_adj").read_text())
