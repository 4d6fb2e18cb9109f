"""What every section of the bench needs: the running service, the photos, and how long to measure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bench.limit import run_limit
from bench.load import Measured, Plan, run_load
from bench.service import Service
from bench.work import choose_features, choose_outputs, describe_work, read_cards

Run = Callable[[], Measured]
SATURATION = 16  # clients that keep two cores busy


@dataclass(frozen=True)
class Verdict:
    """One aim: what is measured, the bound as text, the value, and whether it holds."""

    aim: str
    bound: str
    value: float
    reached: bool


@dataclass(frozen=True)
class Context:
    """`photos`: JPEG files of about a megapixel. `seconds` of each measurement, `rounds` of them in turns.

    Sections note in `verdicts` what became of the aims.
    """

    service: Service
    photos: tuple[str, ...]
    seconds: float
    rounds: int
    verdicts: list[Verdict] = field(default_factory=list)

    def expect_at_least(self, aim: str, bound: float, value: float) -> None:
        self.verdicts.append(Verdict(aim, f"≥ {bound:g}", value, value >= bound))

    def expect_at_most(self, aim: str, bound: float, value: float) -> None:
        self.verdicts.append(Verdict(aim, f"≤ {bound:g}", value, value <= bound))

    def at(self, service: Service) -> "Context":
        """The same measurements of another service."""
        return replace(self, service=service)

    def features(self, workload: str) -> list[str]:
        return choose_features(workload, read_cards())

    def outputs(self, workload: str) -> tuple[str, ...]:
        return choose_outputs(self.features(workload), read_cards())

    def work(self, workload: str, accelerated: bool = False) -> dict[str, Any]:
        return describe_work(self.features(workload), accelerated=accelerated)

    def limit(self, workload: str, accelerated: bool = False) -> Run:
        return lambda: run_limit(self.work(workload, accelerated), self.photos, self.seconds)

    def grpc(self, workload: str, concurrency: int, **changes: Any) -> Run:
        return self.ask_for(self.outputs(workload), concurrency, **changes)

    def ask_for(self, outputs: tuple[str, ...], concurrency: int, **changes: Any) -> Run:
        """Direct gRPC for some of the ensemble's outputs."""
        wanted = {"outputs": outputs, "parameters": {"outputs": ",".join(outputs)}}
        return self.load("grpc", self.service.grpc, concurrency, **wanted | changes)

    def gateway(self, way: str, workload: str, concurrency: int, **changes: Any) -> Run:
        url = f"{self.service.gateway}/v1/analyze?features={','.join(self.features(workload))}"
        return self.load(way, url, concurrency, **changes)

    def load(self, way: str, url: str, concurrency: int, **changes: Any) -> Run:
        options = {"photos": self.photos, "seconds": self.seconds, "pid": self.service.process.pid} | changes
        plan = Plan(way=way, url=url, concurrency=concurrency, **options)
        return lambda: run_load(plan)

    def measure_in_turns(self, runs: Mapping[str, Run], rounds: int = 0) -> dict[str, list[Measured]]:
        """Every run in every round, so that all meet the same moods of the machine."""
        measured: dict[str, list[Measured]] = {name: [] for name in runs}
        for _ in range(rounds or self.rounds):
            for name, run in runs.items():
                measured[name].append(run())
        return measured
