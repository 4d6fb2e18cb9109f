"""ONNX Runtime against OpenVINO, each as the service would have it, on one thread."""

from statistics import median

import numpy as np

from bench.context import Context
from bench.inprocess import cpu_milliseconds, network_file
from bench.pipeline import open_network
from bench.report import make_table
from bench.work import NETWORKS, list_networks, read_config

BATCHES = (1, 8)
HEAD = (
    "CPU ms per image, one thread",
    "ONNX Runtime",
    "OpenVINO",
    "ratio",
    "ONNX Runtime, batches of 8",
    "OpenVINO",
    "ratio",
)


def measure_providers(context: Context) -> str:
    """A row for each network; one that OpenVINO does not run says so."""
    rows: list[list[object]] = []
    for name in list_networks():
        try:
            cells = [cell for batch in BATCHES for cell in compare(name, batch, context.rounds)]
        except RuntimeError as error:
            cells = [f"does not run: {error}", *["–"] * (len(HEAD) - 2)]
        rows.append([name, *cells])
    return make_table(HEAD, rows)


def compare(name: str, batch: int, rounds: int) -> list[object]:
    """Milliseconds per image of both, in turns, and the ratio."""
    networks = [open_network(network_file(name), accelerated, 1) for accelerated in (False, True)]
    shape = read_config(NETWORKS / name).input[0].dims
    pixels = np.random.default_rng(0).integers(0, 256, (batch, *shape), dtype=np.uint8)
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for network, found in zip(networks, times, strict=True):
            found.append(cpu_milliseconds(lambda run=network.run: run(None, {"IMAGES": pixels})) / batch)
    own, other = map(median, times)
    return [own, other, other / own]
