"""What Python does in the gateway and in the steps, by py-spy's samples."""

import collections
import re
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.context import SATURATION, Context
from bench.report import make_table
from bench.sections.steps import name_process
from bench.service import list_family
from bench.work import ATTRIBUTES

TOP = 8
SAMPLED = ("gateway", "preprocess", "smiling")
# An empty stack is the stub's own loop; a pool's thread waits for work in C, which py-spy takes for work.
WAITING = re.compile(r"_worker \(.*futures/thread.py:\d+\)$|(wait|select) \(.*\)$")
# Frames are "function (path:line)".
FRAME = re.compile(r"(?P<function>.+) \((?P<path>.+?)(?::\d+)?\)$")


def measure_profile(context: Context) -> str:
    """The functions in which each process spends its time, at 16 clients that ask for attributes."""
    processes = {name_process(each.cmdline()): each.pid for each in list_family(context.service.process)}
    parts = []
    for name in (name for name in SAMPLED if name in processes):
        samples = sample(processes[name], context)
        whole = sum(samples.values()) or 1
        rows = [[frame, count / whole * 100] for frame, count in samples.most_common(TOP)]
        parts.append(make_table([f"{name}: function", "% of its samples"], rows))
    return "\n\n".join(parts)


def sample(pid: int, context: Context) -> collections.Counter:
    """Samples by innermost Python function, of threads that run."""
    load = threading.Thread(target=context.gateway("raw", ATTRIBUTES, SATURATION, seconds=context.seconds + 1))
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "samples"
        command = [str(Path(sys.executable).parent / "py-spy"), "record", "--pid", str(pid), "--format", "raw"]
        command += ["--output", str(raw), "--rate", "500", "--duration", str(max(1, round(context.seconds)))]
        load.start()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        load.join()
        if done.returncode:
            raise OSError(f"py-spy: {done.stderr.strip()[-300:]}")
        return count_innermost(raw.read_text())


def count_innermost(text: str) -> collections.Counter:
    """Samples of "frame;frame;frame count" lines by their last frame."""
    counts: collections.Counter = collections.Counter()
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        if not stack or WAITING.search(stack):
            continue
        match = FRAME.match(stack.rpartition(";")[2])
        name = f"`{match['function']}` ({'/'.join(Path(match['path']).parts[-2:])})" if match else stack[-60:]
        counts[name] += int(count)
    return counts
