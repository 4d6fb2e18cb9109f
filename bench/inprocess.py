"""Processor time of single pieces of work, in this process."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from bench.pipeline import open_network
from contract.pixels import MAX_PIXELS, Geometry, picture

REPEATS = 15


def cpu_milliseconds(work: Callable[[], object]) -> float:
    """Median processor time of one call, all threads counted, after two for warming up."""
    times = []
    for _ in range(REPEATS + 2):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return median(times[2:]) * 1000


def network_milliseconds(path: Path, batch: int = 1, accelerated: bool = False) -> float:
    """Processor time per image of the network in a file on noise, on one thread.

    Raises RuntimeError for one that the accelerator does not run.
    """
    network, shape = open_network(path, accelerated, 1), open_network(path, False, 1).get_inputs()[0].shape[1:]
    pixels = np.random.default_rng(0).integers(0, 256, (batch, *shape), dtype=np.uint8)
    return cpu_milliseconds(lambda: network.run(None, {"IMAGES": pixels})) / batch


def decode_milliseconds(photo: Path, geometries: list[Geometry]) -> float:
    """Processor time of decoding a file for the geometries, without fitting it to them."""
    data = photo.read_bytes()
    return cpu_milliseconds(lambda: picture.decode(data, geometries, MAX_PIXELS))
