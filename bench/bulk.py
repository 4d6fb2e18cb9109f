"""Photos for a bulk run, and the run: `python -m scoring` in a process of its own, killed on the way if asked for."""

import io
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from PIL import Image
from pyarrow import parquet

from bench.service import ROOT, SAMPLE

DISTINCT = 100
BROKEN_EVERY = 400
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Bulk:
    """What a bulk run took: seconds from its first start to its end, interruptions included; peak memory in bytes;
    the scorer's processor time in seconds."""

    photos: int
    seconds: float
    peak: int
    cpu: float
    rows: int
    sources: int
    broken: int
    failed: int
    dataset_bytes: int

    @property
    def rate(self) -> float:
        """Photos per second."""
        return self.photos / self.seconds


def write_photos(folder: Path, count: int, originals: Sequence[Path] = (SAMPLE,)) -> Path:
    """`count` JPEG files, every 400th broken. They are the originals resampled to 480 to 1024 pixels across in a
    hundred ways; a few bytes behind the picture's end make each a file of its own. Returns `folder`."""
    folder.mkdir(parents=True)
    pictures = [resample(originals[number % len(originals)], number) for number in range(min(count, DISTINCT))]
    for number in range(count):
        content = pictures[number % len(pictures)] + number.to_bytes(4, "little")
        is_broken = number % BROKEN_EVERY == BROKEN_EVERY // 2
        (folder / f"{number:06d}.jpg").write_bytes(content[: len(content) // 2] if is_broken else content)
    return folder


def resample(original: Path, number: int) -> bytes:
    picture = Image.open(original).convert("RGB")
    width = 480 + number * 544 // DISTINCT
    buffer = io.BytesIO()
    picture.resize((width, round(width * picture.height / picture.width))).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def run_bulk(folder: Path, out: Path, endpoint: str, outputs: Sequence[str] = (), kills: int = 0) -> Bulk:
    """Score `folder` into `out`, killed by SIGKILL `kills` times on the way and started again.

    Raises:
        RuntimeError: the scorer did not begin, or did not go on.
    """
    count = sum(1 for _ in folder.iterdir())
    command = [sys.executable, "-m", "scoring", str(folder), "--out", str(out), "--endpoint", endpoint]
    command += ["--outputs", *outputs] if outputs else []
    began, used, peak = time.monotonic(), read_children(), 0
    for kill in range(1, kills + 1):
        peak = max(peak, *watch(command, partial(has_rows, out, count * kill / (kills + 1))))
    peak = max(peak, *watch(command, lambda: False))
    return describe(out, count, time.monotonic() - began, peak, read_children() - used)


def watch(command: Sequence[str], is_time: Callable[[], bool]) -> Iterator[int]:
    """Run, and kill within a second after it is time; yields the process's peak memory so far in bytes."""
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        yield 0
        while process.poll() is None:
            if is_time():
                time.sleep(random.random())
                process.kill()
                return
            yield read_peak(process.pid)
            time.sleep(POLL_SECONDS)
        _, errors = process.communicate()
        # With 1, rows failed, which the table says.
        if process.returncode not in (0, 1):
            raise RuntimeError(f"the scorer failed: {errors}")


def read_children() -> float:
    """Seconds of processor time of the processes that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_peak(pid: int) -> int:
    """Bytes; 0 for a process that has just ended."""
    try:
        match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(match[1]) * 1024 if match else 0


def has_rows(out: Path, count: float) -> bool:
    return sum(map(count_part, out.glob("part-*.parquet"))) >= count


@cache
def count_part(part: Path) -> int:
    """Once per part: reading a hundred again and again takes the processor from those that are measured."""
    return parquet.read_metadata(part).num_rows


def describe(out: Path, photos: int, seconds: float, peak: int, cpu: float) -> Bulk:
    table = parquet.read_table(out, columns=["source", "error"])
    errors = [error for error in table["error"].to_pylist() if error]
    broken = sum(error.startswith("picture:") for error in errors)
    size = sum(part.stat().st_size for part in out.glob("part-*.parquet"))
    sources = len(set(table["source"].to_pylist()))
    return Bulk(photos, seconds, peak, cpu, table.num_rows, sources, broken, len(errors) - broken, size)
