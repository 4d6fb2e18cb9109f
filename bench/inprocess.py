"""Processor time of single pieces of work, in this process."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime

from bench.pipeline import Geometry, decode
from bench.work import ENSEMBLES, NETWORKS, list_networks, read_config

REPEATS = 15
MAX_PIXELS = 100_000_000


def cpu_milliseconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median processor time of one call, all threads counted, after two for warming up."""
    times = []
    for _ in range(repeats + 2):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return median(times[2:]) * 1000


def load_network(path: Path, level: str = "ALL", save: Path | None = None) -> onnxruntime.InferenceSession:
    """A session of one thread. `level` is ONNX Runtime's: DISABLE_ALL, BASIC, EXTENDED, ALL; `save` keeps the graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    name = level if level == "DISABLE_ALL" else f"ENABLE_{level}"
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{name}")
    if save is not None:
        options.optimized_model_filepath = str(save)
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])


def network_milliseconds(path: Path, batch: int = 1, level: str = "ALL") -> float:
    """Processor time per image of the network in a file, on grey noise."""
    session = load_network(path, level)
    tensor = session.get_inputs()[0]
    pixels = np.random.default_rng(0).integers(0, 256, (batch, *tensor.shape[1:]), dtype=np.uint8)
    return cpu_milliseconds(lambda: session.run(None, {tensor.name: pixels})) / batch


def network_file(name: str) -> Path:
    """The newest version of a network."""
    return max((NETWORKS / name).glob("*/model.onnx"), key=lambda path: int(path.parent.name))


def list_geometries() -> list[Geometry]:
    """What the preprocess step makes."""
    described = read_config(ENSEMBLES / "preprocess").parameters["geometries"].string_value
    return [Geometry(**each) for each in json.loads(described)]


def largest_network() -> str:
    """The network with the largest file."""
    return max(list_networks(), key=lambda name: network_file(name).stat().st_size)


def decode_milliseconds(photo: Path, geometries: list[Geometry]) -> float:
    """Processor time of decoding a file for the geometries, without fitting it to them."""
    data = photo.read_bytes()
    return cpu_milliseconds(lambda: decode(data, geometries, MAX_PIXELS))
