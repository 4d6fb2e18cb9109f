"""Python-based Triton backend that stands in for the stock `onnxruntime` backend, where only the Python backend exists.

The same `config.pbtxt` runs on both. Honoured, with the stock backend's meaning and defaults:

- `default_model_filename` (`model.onnx`), a file or a folder that holds `model.onnx`;
- `instance_group`: each instance is a process with a session of its own; KIND_GPU adds the CUDA provider;
- `optimization { graph { level } }`: -1 basic, 1 extended, 2 none, otherwise all optimizations;
- `optimization { execution_accelerators }`: for the GPU `tensorrt` and `cuda`, with their parameters; one that this
  ONNX Runtime was not built with is refused. `openvino` for the CPU is OpenVINO's own runtime (openvino_network.py),
  where the stock backend takes ONNX Runtime's provider of that name; the options of ONNX Runtime mean nothing to it;
- `parameters`: `intra_op_thread_count`, `inter_op_thread_count` (0: as many as cores), `execution_mode`
  (0 sequential, 1 parallel), `enable_mem_arena`, `enable_mem_pattern`. On the CPU an `intra_op_thread_count` of 0
  spreads the images of a batch over the cores, where the stock backend spreads each operator, whose parts wait for
  each other;
- dynamic batching: requests whose shapes agree run as one batch;
- inputs, outputs and `max_batch_size` that the config leaves out are read from the ONNX file, unless Triton runs
  with --disable-auto-complete-config.

Not honoured: `cc_model_filenames`, `share_session_between_instances`, string tensors, sequence states.
The format: https://github.com/triton-inference-server/onnxruntime_backend#readme
"""

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

CPU, OPENVINO = "CPUExecutionProvider", "OpenVINO"
GRAPH_LEVELS = {
    -1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    2: onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
EXECUTION_MODES = {
    "0": onnxruntime.ExecutionMode.ORT_SEQUENTIAL,
    "1": onnxruntime.ExecutionMode.ORT_PARALLEL,
}
CPU_ACCELERATORS = {"openvino": OPENVINO}
GPU_ACCELERATORS = {"tensorrt": "TensorrtExecutionProvider", "cuda": "CUDAExecutionProvider"}
BOOLEANS = {"1": True, "true": True, "0": False, "false": False}
TRITON_TYPES = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(int8)": "TYPE_INT8",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(float16)": "TYPE_FP16",
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
}
Feeds = dict[str, np.ndarray]


class TritonPythonModel:
    """One instance of one ONNX network."""

    @staticmethod
    def auto_complete_config(auto_complete_model_config: Any) -> Any:
        """Add the inputs, outputs and batching that the config does not name."""
        config = auto_complete_model_config.as_dict()
        if not (config["input"] and config["output"]):
            session = onnxruntime.InferenceSession(find_network(config), providers=[CPU])
            complete_config(auto_complete_model_config, session)
        return auto_complete_model_config

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the network with the options of its config."""
        config = json.loads(args["model_config"])
        path = find_network(config)
        self._output_names = [output["name"] for output in config["output"]]
        self._batches = int(config.get("max_batch_size", 0)) > 0
        device = int(args["model_instance_device_id"]) if args["model_instance_kind"] == "GPU" else None
        options = make_options(config)
        providers = choose_providers(config, device)
        in_openvino = OPENVINO in providers
        self._threads = 1
        if in_openvino or (device is None and options.intra_op_num_threads == 0):
            # They share the images of a batch.
            self._threads, options.intra_op_num_threads = options.intra_op_num_threads or count_threads(config), 1
        self._pool = ThreadPoolExecutor(self._threads)
        try:
            self._session: Any = (
                load_in_openvino(path, self._threads, self._batches)
                if in_openvino
                else onnxruntime.InferenceSession(path, options, providers=[*providers.items(), CPU])
            )
        except Exception as error:  # ONNX Runtime's exceptions have no public base class.
            raise pb_utils.TritonModelException(f"cannot load {path}: {error}") from error

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response per request, in order. A request that fails does not fail its neighbours."""
        if len(requests) == 1 or not self._batches:
            return [self._respond_alone(request, self._run) for request in requests]
        feeds = [read_feeds(request) for request in requests]
        responses: list[Any] = [None] * len(requests)
        for group in group_by_shape(feeds):
            answers = self._respond_in_parts([requests[i] for i in group], [feeds[i] for i in group])
            for index, response in zip(group, answers, strict=True):
                responses[index] = response
        return responses

    def finalize(self) -> None:
        """Free the session's memory before the process ends."""
        self._pool.shutdown()
        del self._session

    def _respond_in_parts(self, requests: Sequence[Any], feeds: Sequence[Feeds]) -> list[Any]:
        """A batch for each thread: requests are not joined only to be taken apart again."""
        parts = cut(len(requests), self._threads)
        answers = self._spread(lambda part: self._respond_together(requests[part], feeds[part]), parts)
        return list(chain.from_iterable(answers))

    def _respond_together(self, requests: Sequence[Any], feeds: Sequence[Feeds]) -> list[Any]:
        """Run one batch; when it fails, run its requests one by one, so that only the guilty one fails."""
        if len(requests) == 1:
            return [self._respond_alone(requests[0], self._session.run)]
        try:
            names = self._choose_outputs(requests)
            batch = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
            sizes = [len(next(iter(feed.values()))) for feed in feeds]
            return list(split_responses(requests, names, self._session.run(names, batch), sizes))
        except Exception:
            return [self._respond_alone(request, self._session.run) for request in requests]

    def _respond_alone(self, request: Any, run: Callable[[Sequence[str], Feeds], list[np.ndarray]]) -> Any:
        try:
            names = self._choose_outputs([request])
            return make_response(names, run(names, read_feeds(request)))
        except Exception as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))

    def _run(self, names: Sequence[str], feeds: Feeds) -> list[np.ndarray]:
        """Run one request, in parts of its images if there are threads for them."""
        parts = cut(len(next(iter(feeds.values()))), self._threads) if self._batches else []
        if len(parts) < 2:
            return self._session.run(names, feeds)
        split = [{name: array[part] for name, array in feeds.items()} for part in parts]
        results = self._spread(lambda part: self._session.run(names, part), split)
        return [np.concatenate(rows) for rows in zip(*results, strict=True)]

    def _spread(self, work: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
        """The results of the parts; this thread takes the first, the pool's threads the others."""
        others = [self._pool.submit(work, part) for part in parts[1:]]
        return [work(parts[0]), *(other.result() for other in others)]

    def _choose_outputs(self, requests: Iterable[Any]) -> list[str]:
        """The outputs that anybody asks for: ONNX Runtime computes no others."""
        wanted = {name for request in requests for name in request.requested_output_names()}
        return [name for name in self._output_names if name in wanted]


def cut(size: int, parts: int) -> list[slice]:
    """Where to cut a sequence of `size` into at most `parts` even pieces."""
    parts = min(size, parts)
    return [slice(size * part // parts, size * (part + 1) // parts) for part in range(parts)]


def read_feeds(request: Any) -> Feeds:
    """The request's tensors, as views of Triton's shared memory."""
    return {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}


def group_by_shape(feeds: Sequence[Feeds]) -> list[list[int]]:
    """Indexes of the requests that can be concatenated: their shapes agree but for the batch dimension."""
    groups: dict[frozenset, list[int]] = {}
    for index, feed in enumerate(feeds):
        groups.setdefault(frozenset((name, array.shape[1:]) for name, array in feed.items()), []).append(index)
    return list(groups.values())


def make_response(names: Iterable[str], arrays: Iterable[np.ndarray]) -> Any:
    """A response with the named outputs."""
    return pb_utils.InferenceResponse([pb_utils.Tensor(*pair) for pair in zip(names, arrays, strict=True)])


def split_responses(
    requests: Sequence[Any], names: Sequence[str], arrays: Sequence[np.ndarray], sizes: Sequence[int]
) -> Iterable[Any]:
    """Each request's rows of the batch, and of its outputs only those that it asked for."""
    if any(len(array) != sum(sizes) for array in arrays):
        raise ValueError(f"an output has not one row per image: {[array.shape for array in arrays]}")
    start = 0
    for request, size in zip(requests, sizes, strict=True):
        wanted = set(request.requested_output_names())
        rows = [
            (name, array[start : start + size]) for name, array in zip(names, arrays, strict=True) if name in wanted
        ]
        yield make_response([name for name, _ in rows], [array for _, array in rows])
        start += size


def find_network(config: Mapping[str, Any]) -> Path:
    """The ONNX file of the version being loaded."""
    path = Path(pb_utils.get_model_dir()) / (config.get("default_model_filename") or "model.onnx")
    path = path / "model.onnx" if path.is_dir() else path
    if not path.is_file():
        raise pb_utils.TritonModelException(f"there is no {path}")
    return path


def count_threads(config: Mapping[str, Any]) -> int:
    """Threads that share the images of a batch: this instance's share of the cores."""
    instances = sum(int(group.get("count", 1)) for group in config.get("instance_group", [])) or 1
    return math.ceil(len(os.sched_getaffinity(0)) / instances)


def make_options(config: Mapping[str, Any]) -> onnxruntime.SessionOptions:
    """Session options as the config has them."""
    parameters = {key: value["string_value"] for key, value in config.get("parameters", {}).items()}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    level = int(config.get("optimization", {}).get("graph", {}).get("level", 0))
    options.graph_optimization_level = GRAPH_LEVELS.get(level, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL)
    options.intra_op_num_threads = int(parameters.get("intra_op_thread_count", 0))
    options.inter_op_num_threads = int(parameters.get("inter_op_thread_count", 0))
    options.execution_mode = look_up(EXECUTION_MODES, "execution_mode", parameters.get("execution_mode", "0"))
    for key, attribute in (("enable_mem_arena", "enable_cpu_mem_arena"), ("enable_mem_pattern", "enable_mem_pattern")):
        if key in parameters:
            setattr(options, attribute, look_up(BOOLEANS, key, parameters[key].lower()))
    return options


def load_in_openvino(path: Path, threads: int, batches: bool) -> Any:
    """What stands in a session's place. OpenVINO is large: only instances that use it import it."""
    from openvino_network import OpenVinoNetwork

    return OpenVinoNetwork(path, threads, batches)


def choose_providers(config: Mapping[str, Any], device: int | None) -> dict[str, dict[str, str]]:
    """What the network runs on, best first, with its options; nothing is the plain CPU. `device`: the GPU, or None."""
    accelerators = config.get("optimization", {}).get("execution_accelerators", {})
    if device is None:
        return read_accelerators(accelerators.get("cpu_execution_accelerator", []), CPU_ACCELERATORS)
    chosen = read_accelerators(accelerators.get("gpu_execution_accelerator", []), GPU_ACCELERATORS)
    chosen.setdefault("CUDAExecutionProvider", {})
    for name in chosen:
        look_up(dict.fromkeys(onnxruntime.get_available_providers()), "execution provider", name)
    return {name: {"device_id": str(device), **options} for name, options in chosen.items()}


def read_accelerators(listed: Iterable[Mapping[str, Any]], known: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What stands behind each accelerator, with its options under ONNX Runtime's names."""
    return {
        look_up(known, "execution accelerator", item["name"]): rename_options(item.get("parameters", {}))
        for item in listed
    }


def rename_options(parameters: Mapping[str, str]) -> dict[str, str]:
    """Triton's older names of three TensorRT options; all others are passed on as they are."""
    renamed = {
        "max_workspace_size_bytes": "trt_max_workspace_size",
        "int8_calibration_table_name": "trt_int8_calibration_table_name",
        "int8_use_native_calibration_table": "trt_int8_use_native_calibration_table",
    }
    options = {renamed.get(key, key): value for key, value in parameters.items() if key != "precision_mode"}
    precision = look_up(
        {"FP32": "", "FP16": "fp16", "INT8": "int8"}, "precision_mode", parameters.get("precision_mode", "FP32")
    )
    return {**options, f"trt_{precision}_enable": "1"} if precision else options


def look_up(accepted: Mapping[str, Any], what: str, value: str) -> Any:
    """The meaning of a value. Raises TritonModelException with the accepted ones."""
    if value not in accepted:
        raise pb_utils.TritonModelException(f"{what} {value!r} is not supported here; supported: {', '.join(accepted)}")
    return accepted[value]


def complete_config(completed: Any, session: onnxruntime.InferenceSession) -> None:
    """Fill in inputs and outputs; a free first dimension of every tensor is the batch dimension."""
    tensors = [*session.get_inputs(), *session.get_outputs()]
    batches = all(tensor.shape and not isinstance(tensor.shape[0], int) for tensor in tensors)
    if batches and completed.as_dict()["max_batch_size"] == 0:
        completed.set_max_batch_size(4)
    skip = 1 if completed.as_dict()["max_batch_size"] > 0 else 0
    for tensor in session.get_inputs():
        completed.add_input(describe_tensor(tensor, skip))
    for tensor in session.get_outputs():
        completed.add_output(describe_tensor(tensor, skip))


def describe_tensor(tensor: Any, skip: int) -> dict[str, Any]:
    """A tensor as model configs describe it, without its first `skip` dimensions."""
    dims = [size if isinstance(size, int) else -1 for size in tensor.shape[skip:]]
    return {"name": tensor.name, "data_type": look_up(TRITON_TYPES, "tensor type", tensor.type), "dims": dims}
