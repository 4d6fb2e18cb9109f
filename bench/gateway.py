"""What the gateway adds over direct gRPC: `python -m bench.gateway`.

The same photo goes to the ensemble by gRPC, and to the gateway as a raw body and as multipart, in turns. Figures are
medians over the rounds; only figures of one run can be compared. Processor time is steadier than latency where others
use the machine too.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil

from bench.load import Measured, Plan, run_load
from bench.photos import write_photo
from bench.service import Service, start_service

# The lightest work there is, so that what the gateway adds shows.
FEATURE = "smiling"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--saturation", type=int, default=16, help="clients that saturate the service")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder, start_service() as service:
        photo = write_photo(Path(folder) / "photo.jpg", 1280, 960, quality=84)
        print(f"one JPEG of {photo.stat().st_size // 1000} KB, 1280×960; {FEATURE} only; {options.rounds} rounds\n")
        for concurrency in (1, options.saturation):
            plans = make_plans(service, photo, concurrency, options.seconds)
            print_table(concurrency, measure_in_turns(plans, options.rounds))
    return 0


def make_plans(service: Service, photo: Path, concurrency: int, seconds: float) -> dict[str, Plan]:
    """What is asked is the same: both ways name the outputs that they want."""
    route = f"{service.gateway}/v1/analyze?features={FEATURE}"
    outputs = ("IMAGE_SIZE", FEATURE)
    pid = find_gateway(service).pid
    plan = Plan("grpc", service.grpc, (str(photo),), concurrency, seconds, pid=pid)
    grpc = replace(plan, outputs=outputs, parameters={"outputs": ",".join(outputs)})
    return {"grpc": grpc} | {way: replace(plan, way=way, url=route) for way in ("raw", "multipart")}


def find_gateway(service: Service) -> psutil.Process:
    """gunicorn's first process, of which its workers are children."""
    return next(each for each in service.process.children() if "gunicorn" in each.cmdline())


def measure_in_turns(plans: dict[str, Plan], rounds: int) -> dict[str, list[Measured]]:
    """Every plan in every round, so that all meet the same moods of the machine."""
    measured: dict[str, list[Measured]] = {name: [] for name in plans}
    for _ in range(rounds):
        for name, plan in plans.items():
            measured[name].append(run_load(plan))
    return measured


def print_table(concurrency: int, measured: dict[str, list[Measured]]) -> None:
    """Latency that each way adds to the first one's, and its share of the first one's throughput, round by round."""
    print(f"{concurrency} at a time\n")
    print("| Way | median ms | added ms | p99 ms | requests/s | of gRPC's | gateway's CPU ms | failed |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    base = measured["grpc"]
    for name, rounds in measured.items():
        added = median(each.median - first.median for each, first in zip(rounds, base, strict=True))
        share = median(each.rate / first.rate for each, first in zip(rounds, base, strict=True))
        latency, p99 = median(each.median for each in rounds), median(each.p99 for each in rounds)
        rate, failed = median(each.rate for each in rounds), sum(each.failed for each in rounds)
        cpu = median(each.cpu for each in rounds)
        figures = f"{latency:.1f} | {added:+.1f} | {p99:.1f} | {rate:.0f} | {share:.2f} | {cpu:.2f} | {failed}"
        print(f"| {name} | {figures} |")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
