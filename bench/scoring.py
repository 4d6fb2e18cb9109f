"""Measures bulk scoring: `python -m bench.scoring`. The tables go to scoring/README.md.

Runs that are compared take turns. Only ratios of one run mean something on a machine that others use too.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from bench.__main__ import choose_target
from bench.bulk import DISTINCT, Bulk, run_bulk, write_photos
from bench.report import describe_machine, make_table, write_section
from bench.scale import describe_scale, measure_steps
from bench.service import ROOT, SAMPLE, Service, cpu_seconds, start_service
from bench.work import ATTRIBUTES, ENSEMBLES, WORKLOADS, choose_features, read_cards, read_config

README = ROOT / "scoring" / "README.md"
KILLS = 3
MEMORY_LIMIT = 300
# Every second of the distinct ones, so that they are as large on average as all are.
PERF_PHOTOS = slice(0, DISTINCT, 2)
# Photos in a request (0: as many as the ensemble takes) and requests in flight, of which perf_analyzer's best counts.
PERF_POINTS = ((1, 8), (1, 16), (0, 2), (0, 4), (0, 6))


@dataclass(frozen=True)
class Bench:
    """A running service, a folder to work in, and how much is measured."""

    service: Service
    folder: Path
    originals: tuple[Path, ...]
    photos: int
    many: int
    rounds: int

    def write(self, count: int) -> Path:
        """A folder of `count` photos, the same for all sections."""
        folder = self.folder / f"photos-{count}"
        return folder if folder.exists() else write_photos(folder, count, self.originals)

    def score(self, name: str, count: int, workload: str, kills: int = 0, endpoint: str = "") -> Bulk:
        outputs = choose_features(workload, read_cards())
        out = self.folder / f"out-{name}"
        return run_bulk(self.write(count), out, endpoint or self.service.grpc, outputs, kills)


def main(arguments: Sequence[str]) -> int:
    options = make_parser().parse_args(arguments)
    originals = tuple(sorted(options.originals.glob("*.jpg"))) if options.originals else (SAMPLE,)
    with TemporaryDirectory() as folder, start_service("--no-gateway", *choose_target()) as service:
        bench = Bench(service, Path(folder), originals, options.photos, options.many, options.rounds)
        report("machine", describe_machine(), options.dry)
        for name in options.only or SECTIONS:
            report(name, SECTIONS[name](bench), options.dry)
    return 0


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.scoring", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="sections to measure (default: all)")
    parser.add_argument("--photos", type=int, default=2000, help="in the folder that is scored (default: 2000)")
    parser.add_argument("--many", type=int, default=20000, help="in the larger folder (default: 20000)")
    parser.add_argument("--rounds", type=int, default=1, help="of measurements in turns (default: 1)")
    parser.add_argument("--originals", type=Path, help="folder of JPEG files to resample (default: the sample)")
    parser.add_argument("--dry", action="store_true", help="print only, leave scoring/README.md as it is")
    return parser


def report(name: str, text: str, dry: bool) -> None:
    print(f"## {name}\n\n{text}\n", flush=True)
    if not dry:
        write_section(name, text, README)


def measure_limit(bench: Bench) -> str:
    """The scorer against perf_analyzer's best on `analyze`, with and without being killed on the way."""
    rates = {point: run_perf(bench, *point) for point in PERF_POINTS}
    best = max(rates, key=lambda point: rates[point])
    rows = []
    for number in range(bench.rounds):
        # Each run against the measurements before and after it: a machine's moods change within minutes.
        around = [run_perf(bench, *best)]
        for name, kills in (("uninterrupted", 0), (f"killed {KILLS} times", KILLS)):
            bulk = bench.score(f"limit-{number}-{kills}", bench.photos, WORKLOADS[-1], kills)
            around.append(run_perf(bench, *best))
            rows.append(describe_bulk(name, bulk, mean(around[-2:])))
    head = [
        "",
        "photos",
        "seconds",
        "perf_analyzer would need",
        "ratio",
        "rows",
        "sources",
        "broken",
        "failed",
        "peak MB",
    ]
    listed = ", ".join(f"{name_point(*point)} {rate:.0f}" for point, rate in rates.items())
    return f"{make_table(head, rows)}\n\nperf_analyzer's photos per second, to find its best: {listed}."


def name_point(batch_size: int, concurrency: int) -> str:
    return f"{concurrency} × {batch_size or largest_batch()}"


def describe_bulk(name: str, bulk: Bulk, rate: float) -> list[object]:
    needed = bulk.photos / rate
    counts = (bulk.rows, bulk.sources, bulk.broken, bulk.failed)
    return [name, bulk.photos, bulk.seconds, needed, bulk.seconds / needed, *counts, bulk.peak / 1e6]


def largest_batch() -> int:
    """Photos in one request to the ensemble."""
    return read_config(ENSEMBLES / "analyze").max_batch_size


def run_perf(bench: Bench, batch_size: int, concurrency: int) -> float:
    """perf_analyzer's photos per second on `analyze`, with the same photos."""
    photos = sorted(bench.write(bench.photos).iterdir())[PERF_PHOTOS]
    command = [sys.executable, "-m", "bench.perf", "--model", "analyze", "--url", bench.service.grpc]
    command += ["--batch-size", str(batch_size or largest_batch()), "--concurrency", str(concurrency)]
    command += [word for photo in photos for word in ("--photo", str(photo))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (rate,) = re.findall(r"^Concurrency: \d+, throughput: ([\d.]+)", done.stdout, re.MULTILINE)
    return float(rate)


def measure_memory(bench: Bench) -> str:
    """Peak memory of the scorer by size of the source."""
    rows = []
    for count in (bench.photos, bench.many):
        bulk = bench.score(f"memory-{count}", count, ATTRIBUTES)
        rows.append([f"{count:,} photos, attributes", bulk.rate, bulk.rows, bulk.sources, bulk.peak / 1e6])
    return make_table(["", "photos/s", "rows", "sources", "peak MB"], rows)


def measure_scale(bench: Bench) -> str:
    """Rates, costs and what a large number of photos would take."""
    bulks, costs = {}, {}
    for workload in WORKLOADS:
        before = cpu_seconds(bench.service.process)
        bulks[workload] = bench.score(f"scale-{workload}", bench.photos, workload)
        costs[workload] = (cpu_seconds(bench.service.process) - before) / bench.photos
    size = mean(photo.stat().st_size for photo in bench.write(bench.photos).iterdir())
    return describe_scale(bulks, costs, size, measure_steps(bench.service.grpc))


def measure_replicas(bench: Bench) -> str:
    """One and two Triton servers on this machine's cores, in turns."""
    rows = []
    with start_service("--no-gateway", *choose_target()) as second:
        both = f"{bench.service.grpc},{second.grpc}"
        for number in range(bench.rounds):
            for workload in WORKLOADS:
                one = bench.score(f"one-{workload}-{number}", bench.photos, workload)
                two = bench.score(f"two-{workload}-{number}", bench.photos, workload, endpoint=both)
                rows.append([workload, one.rate, two.rate, two.rate / one.rate])
    return make_table(["", "1 replica, photos/s", "2 replicas, photos/s", "ratio"], rows)


SECTIONS: dict[str, Callable[[Bench], str]] = {
    "limit": measure_limit,
    "memory": measure_memory,
    "scale": measure_scale,
    "replicas": measure_replicas,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
