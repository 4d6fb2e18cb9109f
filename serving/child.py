"""A child process with its log, of which the notable lines are printed and the last ones kept."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from serving.errors import ChildDied
from serving.triton_log import find_load_failures

LOG_LINES_KEPT = 15
LISTED_EVERY = 5.0  # seconds; to list the children takes a look at every thread, of which Triton has hundreds
NOTICED_WITHIN = 2.0  # seconds in which a process takes note of a child that ended
KILL_AFTER = 2.0  # seconds over the time that the process has been told to end in
# -I and -S: nothing of the child's environment and no package plays a part.
FOLLOW_PARENT = (sys.executable, "-I", "-S", str(Path(__file__).with_name("follow_parent.py")))


class Child:
    """One child process, in a process group of its own so that a terminal's Ctrl-C reaches only the supervisor."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: dict[str, str],
        is_notable: Callable[[str], bool],
        *,
        verbose: bool,
        files: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._children: set[str] = set()  # process ids of its children, as of `_listed_at`
        self._listed_at = -LISTED_EVERY
        self._dead: dict[str, float] = {}  # of those that are dead, with the time when they were first seen
        self._notable: deque[str] = deque(maxlen=LOG_LINES_KEPT)
        self._is_notable = is_notable
        self._verbose = verbose
        self._process = subprocess.Popen(
            [*FOLLOW_PARENT, str(os.getpid()), *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=files,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def require_alive(self) -> None:
        """Raise ChildDied with the last notable lines of the log when the process has ended."""
        status = self._process.poll()
        if status is not None:
            self._reader.join(timeout=1)
            raise ChildDied(f"{self.name} stopped by itself ({describe_status(status)})", self._explain())

    def require_children(self) -> None:
        """Raise ChildDied when a child of the process has ended and the process does not notice.

        Triton 24.10 waits without end for a stub that died as it started, and starts no other for one that dies later.
        """
        now = time.monotonic()
        if now - self._listed_at > LISTED_EVERY:
            self._children, self._listed_at = self.list_children(), now
        self._dead = {pid: self._dead.get(pid, now) for pid in self._children if is_dead(pid)}
        if any(now - since > NOTICED_WITHIN for since in self._dead.values()):
            raise ChildDied(f"a process that {self.name} started for a model has died", self._explain())

    def _explain(self) -> list[str]:
        lines = list(self._notable) or ["it said nothing"]
        return find_load_failures(lines) or lines

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it still runs."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    def list_children(self) -> set[str]:
        """Process ids of the process's own children, as text."""
        children: set[str] = set()
        for thread in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with suppress(OSError):  # a thread that has ended meanwhile has handed its children on
                children.update(thread.read_text().split())
        return children

    def stop(self, timeout: float) -> None:
        """Ask the process to end within `timeout` seconds, and kill what is left of its group."""
        self.send(signal.SIGTERM)
        try:
            self._process.wait(timeout + KILL_AFTER)
        except subprocess.TimeoutExpired:
            print(f"serving: {self.name} did not stop within {timeout:g} s and is killed", file=sys.stderr, flush=True)
        kill_group(self._process.pid)
        self._process.wait()
        self._reader.join(timeout=1)

    def _read_log(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            line = line.rstrip()
            notable = self._is_notable(line)
            if notable:
                self._notable.append(line)
            if notable or self._verbose:
                print(line, file=sys.stderr, flush=True)


def kill_group(leader: int) -> None:
    """Kill every process of a group: Python-backend stubs outlive a Triton that crashed."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def is_dead(pid: str) -> bool:
    """Whether a process has ended and its parent has not taken note: a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def describe_status(status: int) -> str:
    """An exit status in words."""
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
