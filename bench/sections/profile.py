"""What Python does in the gateway and in the steps, by py-spy's samples."""

import collections
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from bench.context import SATURATION, Context
from bench.report import make_table
from bench.sections.steps import name_process
from bench.service import list_family, start_service
from bench.work import ATTRIBUTES

TOP = 8
ALONE = "64"  # requests to Triton at a time: nobody waits, so nobody travels along
SAMPLED = ("gateway", "preprocess", "smiling")
# An empty stack is the stub's own loop; a pool's thread waits for work in C, which py-spy takes for work.
WAITING = re.compile(r"_worker \(.*futures/thread.py:\d+\)$|(wait|select) \(.*\)$")
# Frames are "function (path:line)".
FRAME = re.compile(r"(?P<function>.+) \((?P<path>.+?)(?::\d+)?\)$")


def measure_profile(context: Context) -> str:
    """The functions in which each process spends its time, at 16 clients that ask for attributes; first with a gateway
    that sends each photo in a request of its own."""
    with patch.dict(os.environ, MAX_CONCURRENT=ALONE), start_service() as service:
        before = take_samples(context.at(service))
    now = take_samples(context)
    parts = []
    for name, samples in now.items():
        rows = [[frame, share(frame, before[name]), share(frame, samples)] for frame, _ in samples.most_common(TOP)]
        head = [f"{name}: function", "% of its samples, each photo in a request of its own", "% as it is"]
        parts.append(make_table(head, rows))
    return "\n\n".join(parts)


def take_samples(context: Context) -> dict[str, collections.Counter]:
    """Samples of each process under a load of its own."""
    processes = {name_process(each.cmdline()): each.pid for each in list_family(context.service.process)}
    return {name: sample(processes[name], context) for name in SAMPLED if name in processes}


def share(frame: str, samples: collections.Counter) -> float:
    return samples[frame] / (sum(samples.values()) or 1) * 100


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
