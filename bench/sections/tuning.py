"""What each step of tuning gave: services with and without it, side by side and in turns."""

import os
from contextlib import ExitStack
from unittest.mock import patch

from tritonclient.grpc import model_config_pb2

from bench.context import SATURATION, Context
from bench.load import Measured
from bench.report import COLUMNS, compare, make_table, summarise
from bench.service import Service, start_service
from bench.variants import Change, start_variants
from bench.work import ATTRIBUTES, WORKLOADS

MANY = 64  # clients


def measure_tuning(context: Context) -> str:
    return "\n\n".join([*measure_configs(context), *measure_grouping(context), measure_pruning(context)])


def measure_configs(context: Context) -> list[str]:
    """Batching and its delay, instances, and OpenVINO for the networks whose entries name it."""
    with start_variants(CHANGES) as services:
        return [measure_services("gRPC", workload, SATURATION, services, context) for workload in WORKLOADS]


def set_delay(config: model_config_pb2.ModelConfig) -> None:
    config.dynamic_batching.max_queue_delay_microseconds = 2000


def forbid_batches(config: model_config_pb2.ModelConfig) -> None:
    config.ClearField("dynamic_batching")


def set_preprocess_instances(count: int) -> Change:
    def change(config: model_config_pb2.ModelConfig) -> None:
        if config.name == "preprocess":
            config.instance_group[0].count = count

    return change


def set_network_instances(config: model_config_pb2.ModelConfig) -> None:
    if config.backend == "onnxruntime":
        config.instance_group[0].count = 1


def forbid_accelerators(config: model_config_pb2.ModelConfig) -> None:
    config.ClearField("optimization")


CHANGES: dict[str, Change | None] = {
    "as it is": None,
    "a batch may wait 2 ms for more": set_delay,
    "no batches": forbid_batches,
    "one instance of the preprocess step": set_preprocess_instances(1),
    "four instances of the preprocess step": set_preprocess_instances(4),
    "one instance of each network": set_network_instances,
    "all networks by ONNX Runtime": forbid_accelerators,
}


def measure_grouping(context: Context) -> list[str]:
    """Photos that wait in the gateway go to Triton together, the fewer requests it has under way the more of them."""
    titles = {64: "each photo in a request of its own", 2: "2 requests at a time", 3: "3 at a time"}
    with ExitStack() as stack:
        services = {}
        for permits, title in titles.items():
            with patch.dict(os.environ, MAX_CONCURRENT=str(permits)):
                services[title] = stack.enter_context(start_service())
        return [
            measure_services("gateway", workload, clients, services, context)
            for workload in WORKLOADS
            for clients in (SATURATION, MANY)
        ]


def measure_services(way: str, workload: str, clients: int, services: dict[str, Service], context: Context) -> str:
    runs = {name: context.at(service).ask(way, workload, clients) for name, service in services.items()}
    return compare_to_first(f"{workload}, {way}, {clients} clients", context.measure_in_turns(runs))


def measure_pruning(context: Context) -> str:
    """The parameter by which the preprocess step is told what is wanted."""
    runs = {
        "as it is: pixels that nobody needs are left out": context.grpc(ATTRIBUTES, SATURATION),
        "all pixels are made": context.grpc(ATTRIBUTES, SATURATION, tells=False),
    }
    return compare_to_first(f"{ATTRIBUTES}, gRPC", context.measure_in_turns(runs))


def compare_to_first(title: str, measured: dict[str, list[Measured]]) -> str:
    first = next(iter(measured.values()))
    rows = [[name, *summarise(rounds), compare(rounds, first)] for name, rounds in measured.items()]
    return make_table([title, *COLUMNS, "of the first's rate"], rows)
