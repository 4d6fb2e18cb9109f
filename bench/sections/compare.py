"""Another commit's service beside this one: `python -m bench --only compare --other WORKTREE`.

Only models that both serve are asked for, each service by its own names of their outputs.
"""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from tritonclient.grpc import InferenceServerClient

from bench.context import SATURATION, Context, Run
from bench.report import compare, make_table, summarise
from bench.service import ROOT, Service, start_service
from bench.work import ATTRIBUTES, WORKLOADS
from contract.card import Card, list_outputs
from contract.tasks import ENSEMBLE, Task

OTHER, THIS = "other", "this"
HEAD = (
    "",
    "other's photos/s",
    "this one's",
    "rate, ratio",
    "of rounds",
    "p99, ratio",
    "CPU per photo, ratio",
    "failed",
)
Cards = dict[str, dict[str, Any]]


def measure_compare(context: Context) -> str:
    """By gRPC and by the gateway, a row for each workload; and seconds to ready."""
    if context.other is None:
        raise ValueError("compare needs --other WORKTREE")
    with start_service(root=context.other) as other:
        services = {OTHER: other, THIS: context.service}
        rows = [measure_row(way, workload, services, context) for workload in WORKLOADS for way in ("gRPC", "gateway")]
    ready = measure_ready({OTHER: context.other, THIS: ROOT}, context.rounds)
    return f"{make_table(HEAD, rows)}\n\n{ready}"


def measure_row(way: str, workload: str, services: dict[str, Service], context: Context) -> list[object]:
    cards = {name: read_cards(service) for name, service in services.items()}
    models = choose_models(workload, cards[OTHER], cards[THIS])
    runs = {name: ask(way, models, cards[name], context.at(service)) for name, service in services.items()}
    measured = context.measure_in_turns(runs)
    other, this = measured[OTHER], measured[THIS]
    ratios = [own.rate / theirs.rate for own, theirs in zip(this, other, strict=True)]
    return [
        f"{workload}, {way}",
        *(summarise(rounds)[0] for rounds in (other, this)),
        compare(this, other),
        f"{min(ratios):.2f}–{max(ratios):.2f}",
        compare(this, other, "p99"),
        compare(this, other, "cpu"),
        sum(each.failed for each in [*other, *this]),
    ]


def read_cards(service: Service) -> Cards:
    """What the service's ensemble says about each model."""
    with InferenceServerClient(service.grpc) as client:
        parameters = client.get_model_config(ENSEMBLE).config.parameters
    return {name: json.loads(value.string_value) for name, value in parameters.items()}


def choose_models(workload: str, other: Cards, this: Cards) -> list[str]:
    """Names of the models of a workload that are the same network in both services."""
    same = [name for name in sorted(this) if name in other and this[name]["checksum"] == other[name]["checksum"]]
    chosen = [name for name in same if workload != ATTRIBUTES or this[name]["task"] == Task.CLASSIFICATION]
    if not chosen:
        raise ValueError(f"{workload}: the two services have no network in common")
    return chosen


def ask(way: str, models: Iterable[str], cards: Cards, context: Context) -> Run:
    if way == "gateway":
        return context.ask_gateway("raw", models, SATURATION)
    outputs = (name for model in models for name in list_model_outputs(model, cards[model]))
    return context.ask_triton([*list_outputs([]), *outputs], SATURATION)


def list_model_outputs(name: str, card: dict[str, Any]) -> Iterable[str]:
    """Commits before the contract have the names in the card."""
    return card.get("outputs") or Card.from_dict(name, card).outputs


def measure_ready(roots: dict[str, Path], rounds: int) -> str:
    """Seconds from the command to ready, in turns."""
    times: dict[str, list[float]] = {name: [] for name in roots}
    for number in range(rounds):
        for name in list(roots)[:: -1 if number % 2 else 1]:
            began = time.monotonic()
            with start_service(root=roots[name]):
                times[name].append(time.monotonic() - began)
    ratio = median(own / theirs for own, theirs in zip(times[THIS], times[OTHER], strict=True))
    return (
        f"Seconds from the command to ready: {median(times[OTHER]):.1f} the other, {median(times[THIS]):.1f} this one, "
        f"ratio {ratio:.2f}."
    )
