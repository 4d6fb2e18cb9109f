"""What every section of the bench needs: the running service, the photos, and how long to measure."""

import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.client import Plan
from bench.limit import run_limit
from bench.load import Measured, run_load
from bench.service import Service
from bench.work import ENSEMBLES, NETWORKS, choose_cards, describe_work, read_catalog
from contract.card import Card, list_outputs

Run = Callable[[], Measured]
SATURATION = 16  # clients that keep two cores busy


def run_together(*runs: Run) -> list[Measured]:
    """All at the same time."""
    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(lambda run: run(), runs))


def choose_target() -> list[str]:
    """On a machine with an NVIDIA GPU, the networks' `cuda` configs."""
    return ["--model-config-name=cuda"] if shutil.which("nvidia-smi") else []


@dataclass(frozen=True)
class Verdict:
    """One aim: what is measured, the bound as text, the value, and whether it holds."""

    aim: str
    bound: str
    value: float
    reached: bool


@dataclass(frozen=True)
class Context:
    """`folder`: to work in. `photos`: JPEG files of about a megapixel. `seconds` of each measurement, `rounds` of them
    in turns. `bulk`: photos that are scored in bulk. `other`: another worktree of the project. `networks` and
    `ensembles`: what the service serves.

    Sections note in `verdicts` what became of the aims.
    """

    service: Service
    folder: Path
    photos: tuple[str, ...]
    seconds: float
    rounds: int
    bulk: int = 2000
    other: Path | None = None
    networks: Path = NETWORKS
    ensembles: Path = ENSEMBLES
    verdicts: list[Verdict] = field(default_factory=list)

    def expect_at_least(self, aim: str, bound: float, value: float) -> None:
        self.verdicts.append(Verdict(aim, f"≥ {bound:g}", value, value >= bound))

    def expect_at_most(self, aim: str, bound: float, value: float) -> None:
        self.verdicts.append(Verdict(aim, f"≤ {bound:g}", value, value <= bound))

    def at(self, service: Service, folder: Path | None = None) -> "Context":
        """The same measurements of another service, which serves the repositories in `folder`."""
        if folder is None:
            return replace(self, service=service)
        return replace(self, service=service, networks=folder / NETWORKS.name, ensembles=folder / ENSEMBLES.name)

    def cards(self, workload: str) -> list[Card]:
        return choose_cards(workload, read_catalog(self.ensembles))

    def work(self, workload: str, accelerated: bool = False, documented: bool = False) -> dict[str, Any]:
        return describe_work(self.cards(workload), self.networks, self.ensembles, accelerated, documented)

    def limit(self, workload: str, accelerated: bool = False) -> Run:
        return lambda: run_limit(self.work(workload, accelerated), self.photos, self.seconds)

    def ask(self, way: str, workload: str, concurrency: int) -> Run:
        """By "gRPC", or by the "gateway" with a photo as the body."""
        if way == "gRPC":
            return self.grpc(workload, concurrency)
        return self.gateway("raw", workload, concurrency)

    def grpc(self, workload: str, concurrency: int, **changes: Any) -> Run:
        return self.ask_triton(list_outputs(self.cards(workload)), concurrency, **changes)

    def ask_triton(self, outputs: Iterable[str], concurrency: int, **changes: Any) -> Run:
        """Direct gRPC for some of the ensemble's outputs."""
        return self.load("grpc", self.service.grpc, concurrency, outputs=tuple(outputs), **changes)

    def gateway(self, way: str, workload: str, concurrency: int, **changes: Any) -> Run:
        return self.ask_gateway(way, [card.name for card in self.cards(workload)], concurrency, **changes)

    def ask_gateway(self, way: str, models: Iterable[str], concurrency: int, **changes: Any) -> Run:
        """The gateway for some of the models."""
        url = f"{self.service.gateway}/v1/analyze?features={','.join(models)}"
        return self.load(way, url, concurrency, **changes)

    def load(self, way: str, url: str, concurrency: int, **changes: Any) -> Run:
        options = {"photos": self.photos, "seconds": self.seconds, "pid": self.service.process.pid} | changes
        plan = Plan(way=way, url=url, concurrency=concurrency, **options)
        return lambda: run_load(plan)

    def measure_in_turns(self, runs: Mapping[str, Run], rounds: int = 0) -> dict[str, list[Measured]]:
        """Every run in every round, in alternating order, so that all meet the same interference."""
        measured: dict[str, list[Measured]] = {name: [] for name in runs}
        for number in range(rounds or self.rounds):
            for name in list(runs)[:: -1 if number % 2 else 1]:
                found = runs[name]()
                measured[name].append(found)
                print(f"{name}: {found.rate:.1f} photos/s, {found.cpu:.2f} ms of CPU each", file=sys.stderr, flush=True)
        return measured
