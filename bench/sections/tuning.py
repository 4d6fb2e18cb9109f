"""What each step of tuning gave, with and without it."""

import os
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
from tritonclient.grpc import model_config_pb2

from bench.context import SATURATION, Context
from bench.inprocess import (
    cpu_milliseconds,
    decode_milliseconds,
    largest_network,
    list_geometries,
    load_network,
    network_file,
    network_milliseconds,
)
from bench.input_data import write_input_data
from bench.load import Measured
from bench.perf_analyzer import run_perf_analyzer
from bench.photos import write_photo
from bench.pipeline import Geometry
from bench.report import COLUMNS, compare, make_table, summarise
from bench.service import start_service
from bench.variants import start_variants
from bench.work import ATTRIBUTES, ENSEMBLES, EVERYTHING, WORKLOADS, read_config

SECRET = "of-the-bench"
KEY = f"triton-grpc-protocol-serving:{SECRET}"


def measure_tuning(context: Context) -> str:
    parts = [measure_scheduling(context), measure_company(context), measure_requests(context), measure_pieces(context)]
    return "\n\n".join(parts)


def measure_scheduling(context: Context) -> str:
    """Batching, its delay, and OpenVINO for the networks whose entries name it, on services that run side by side."""
    changes = {
        "as it is": None,
        "a batch may wait 2 ms for more": lambda config: set_delay(config, 2000),
        "no batches": forbid_batches,
        "all networks by ONNX Runtime": forbid_accelerators,
    }
    with start_variants(changes) as services:
        runs = {name: context.at(service).grpc(EVERYTHING, SATURATION) for name, service in services.items()}
        measured = context.measure_in_turns(runs)
    return compare_to_first("everything, gRPC", measured)


def measure_company(context: Context) -> str:
    """Photos that wait in the gateway go to Triton together, the fewer requests it has under way the more of them."""
    with ExitStack() as stack:
        services = {}
        for places, title in (
            (64, "each photo in a request of its own"),
            (2, "2 requests at a time"),
            (3, "3 at a time"),
        ):
            with patch.dict(os.environ, MAX_CONCURRENT=str(places)):
                services[title] = stack.enter_context(start_service())
        tables = []
        for workload in WORKLOADS:
            for clients in (SATURATION, 64):
                runs = {
                    name: context.at(service).gateway("raw", workload, clients) for name, service in services.items()
                }
                title = f"{workload}, gateway, {clients} clients"
                tables.append(compare_to_first(title, context.measure_in_turns(runs)))
    return "\n\n".join(tables)


def compare_to_first(title: str, measured: dict[str, list[Measured]]) -> str:
    first = next(iter(measured.values()))
    rows = [[name, *summarise(rounds), compare(rounds, first)] for name, rounds in measured.items()]
    return make_table([title, *COLUMNS, "of the first's rate"], rows)


def set_delay(config: model_config_pb2.ModelConfig, microseconds: int) -> None:
    config.dynamic_batching.max_queue_delay_microseconds = microseconds


def forbid_batches(config: model_config_pb2.ModelConfig) -> None:
    config.ClearField("dynamic_batching")


def forbid_accelerators(config: model_config_pb2.ModelConfig) -> None:
    config.ClearField("optimization")


def measure_requests(context: Context) -> str:
    """The parameter `outputs`, and photos by system shared memory in place of gRPC."""
    runs = {
        "as it is: geometries that nobody needs are left out": context.grpc(ATTRIBUTES, SATURATION),
        "without the parameter `outputs`": context.grpc(ATTRIBUTES, SATURATION, parameters={}),
    }
    outputs = compare_to_first("attributes, gRPC", context.measure_in_turns(runs))
    with keyed_service() as service, TemporaryDirectory() as name:
        (tensor,) = read_config(ENSEMBLES / "analyze").input
        data = write_input_data(tensor, map(Path, context.photos), Path(name) / "analyze.json")

        def send(memory: str) -> Callable[[], Measured]:
            # All outputs of a request fit into what each client's region has for them.
            options = ("--shared-memory", memory, "-H", KEY, "--output-shared-memory-size", "65536")
            return lambda: run_perf_analyzer("analyze", service, data, SATURATION, *options)

        memory = {"photos by gRPC": send("none"), "photos and answers by system shared memory": send("system")}
        measured = context.measure_in_turns(memory)
    return f"{outputs}\n\n{compare_to_first('everything, perf_analyzer', measured)}"


@contextmanager
def keyed_service():
    """A service whose restricted protocols open to `KEY`."""
    with patch.dict(os.environ, SERVING_TRITON_SECRET=SECRET), start_service("--no-gateway") as service:
        yield service


def measure_pieces(context: Context) -> str:
    """Processor time of single pieces of work, in process."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*compare_decoding(context, folder), compare_tensors(), *compare_graphs(folder)]
    return make_table(["in process, ms of processor time", "without", "with", "ratio"], rows)


def compare_decoding(context: Context, folder: Path) -> list[list[object]]:
    """JPEG at reduced scale: a geometry as large as the photo makes the decoder work in full."""
    rows: list[list[object]] = []
    for title, width, height in (("1280×720", 1280, 720), ("4000×3000", 4000, 3000)):
        photo = write_photo(folder / f"{width}.jpg", width, height)
        full = decode_milliseconds(photo, [Geometry("stretch", width, height)])
        rows.append(row(f"decode {title} at reduced scale", full, decode_milliseconds(photo, list_geometries())))
    return rows


def compare_tensors() -> list[object]:
    """UINT8 between steps, normalisation in the graph: what FP32 tensors would add, converted once and copied twice."""
    geometry = max(list_geometries(), key=lambda each: each.width * each.height)
    pixels = np.zeros((geometry.height, geometry.width, 3), np.uint8)
    floats = cpu_milliseconds(lambda: (pixels.astype(np.float32) / np.float32(255)).transpose(2, 0, 1).copy().copy())
    title = f"UINT8 pixels {geometry.width}×{geometry.height} between steps, copied twice"
    return row(title, floats, cpu_milliseconds(lambda: pixels.copy().copy()))


def compare_graphs(folder: Path) -> list[list[object]]:
    """ONNX Runtime's levels, a graph optimised beforehand, batches, and 8-bit integers, on the largest network."""
    name = largest_network()
    path, saved = network_file(name), folder / "optimised.onnx"
    load_network(path, "EXTENDED", saved)
    plain = network_milliseconds(path)
    return [
        row(f"{name}: all graph optimisations", network_milliseconds(path, level="DISABLE_ALL"), plain),
        row(f"{name}: load, graph optimised at export", load_milliseconds(path), load_milliseconds(saved)),
        row(f"{name}: per image in a batch of 8", plain, network_milliseconds(path, 8)),
        row(f"{name}: convolutions in 8-bit integers", plain, network_milliseconds(quantise(path, folder))),
    ]


def load_milliseconds(path: Path) -> float:
    return cpu_milliseconds(lambda: load_network(path), 3)


def quantise(path: Path, folder: Path) -> Path:
    """The network with static int8 convolutions, calibrated on noise: for its speed alone."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    tensor = load_network(path).get_inputs()[0]
    noise = np.random.default_rng(0).integers(0, 256, (1, *tensor.shape[1:]), dtype=np.uint8)

    class Noise(CalibrationDataReader):
        def __init__(self) -> None:
            self.feeds = iter([{tensor.name: noise}])

        def get_next(self):
            return next(self.feeds, None)

    options = {"per_channel": True, "weight_type": QuantType.QInt8, "op_types_to_quantize": ["Conv"]}
    quantize_static(str(path), str(folder / "int8.onnx"), Noise(), **options)
    return folder / "int8.onnx"


def row(title: str, without: float, with_: float) -> list[object]:
    return [title, without, with_, with_ / without]
