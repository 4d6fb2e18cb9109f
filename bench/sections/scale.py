"""How throughput and p99 move with instances and threads."""

import math
from collections.abc import Callable

from bench.context import SATURATION, Context
from bench.limit import count_cores
from bench.report import COLUMNS, compare, make_table, summarise
from bench.variants import is_network, start_variants
from bench.work import WORKLOADS

# Instances of the preprocess step and of each network; their threads follow from the cores.
COMBINATIONS = ((2, 1), (1, 1), (4, 1), (1, 2), (2, 2))
RULE = """
The rule: an instance is a process, and takes `ceil(cores / instances)` threads, counted when it starts. A thread works
on one photo at a time, so that nothing waits for the slowest part of an operator. Networks have two instances, though
one would fill all cores (ONNX Runtime leaves Python's lock while it computes) and be no slower: a lone one stalls
beside a bounded queue. The preprocess step has two: a part of its work holds the lock. `instances` and `threads` of an
entry in models.toml override it per network.
""".strip()


def measure_scale(context: Context) -> str:
    """Services with other instance counts, all running, asked in turns."""
    names = [describe(*each) for each in COMBINATIONS]
    changes = dict(zip(names, (set_instances(*each) for each in COMBINATIONS), strict=True))
    parts = []
    with start_variants(changes) as services:
        for workload in WORKLOADS:
            runs = {name: context.at(service).grpc(workload, SATURATION) for name, service in services.items()}
            measured = context.measure_in_turns(runs)
            first = measured[names[0]]
            rows = [[name, *summarise(rounds), compare(rounds, first)] for name, rounds in measured.items()]
            parts.append(make_table([f"{workload}: instances × threads", *COLUMNS, "of the first's rate"], rows))
    return "\n\n".join([*parts, RULE])


def describe(preprocess: int, network: int) -> str:
    shares = (f"{count}×{math.ceil(count_cores() / count)}" for count in (preprocess, network))
    return "preprocess {}, networks {}".format(*shares)


def set_instances(preprocess: int, network: int) -> Callable:
    def change(config) -> None:
        if config.name == "preprocess":
            config.instance_group[0].count = preprocess
        elif is_network(config):
            config.instance_group[0].count = network

    return change
