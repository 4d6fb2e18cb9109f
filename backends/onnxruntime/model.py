"""Python-based Triton backend that stands in for the stock `onnxruntime` backend, where only the Python backend exists.

It serves the `config.pbtxt` that `make export` writes, with the stock backend's meaning, and refuses in one line
whatever else that backend knows (https://github.com/triton-inference-server/onnxruntime_backend#readme). Honoured:

- `default_model_filename` (`model.onnx`) and `instance_group`: each instance is a process with a session of its own;
- `parameters`: `intra_op_thread_count` and `inter_op_thread_count`. An `intra_op_thread_count` of 0 spreads the images
  of a batch over this instance's share of the cores, where the stock backend spreads each operator, whose parts wait
  for each other;
- the CPU's execution accelerator `openvino`, which is OpenVINO's own runtime (openvino_network.py), where the stock
  backend takes ONNX Runtime's provider of that name;
- dynamic batching: requests whose shapes agree run as one batch.
"""

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

PARAMETERS = ("intra_op_thread_count", "inter_op_thread_count", "checksum")
# Pixels of an image from which a network's maps fill a core's cache: then a batch takes up to 1.7 times as long as its
# images one after the other.
LARGE = 256 * 256

Feeds = dict[str, np.ndarray]
Compute = Callable[[Sequence[str], Feeds], list[np.ndarray]]


class TritonPythonModel:
    """One instance of one ONNX network."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the network with the options of its config."""
        config = json.loads(args["model_config"])
        for refused in list_refused(config, args["model_instance_kind"]):
            raise pb_utils.TritonModelException(
                f"this Triton server runs networks on its CPU alone: it has no {refused}"
            )
        path = Path(pb_utils.get_model_dir()) / (config.get("default_model_filename") or "model.onnx")
        self._output_names = [output["name"] for output in config["output"]]
        # They share the images of a batch.
        self._threads = count_threads(config)
        self._pool = ThreadPoolExecutor(self._threads)
        try:
            self._compute = self._load(path, config)
        except Exception as error:  # ONNX Runtime's exceptions have no public base class.
            raise pb_utils.TritonModelException(f"cannot load {path}: {error}") from error

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response per request, in order. A request that fails does not fail its neighbours."""
        if len(requests) == 1:
            return [self._respond_alone(requests[0], self._run)]
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
        del self._compute

    def _load(self, path: Path, config: Mapping[str, Any]) -> Compute:
        if list_accelerators(config, "cpu"):
            # Large: only instances that use it import it.
            from openvino_network import OpenVinoNetwork

            return OpenVinoNetwork(path, self._threads).run
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = read_number(config, "intra_op_thread_count") or 1
        options.inter_op_num_threads = read_number(config, "inter_op_thread_count")
        run = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run
        return partial(run_each, run) if is_large(config) else run

    def _respond_in_parts(self, requests: Sequence[Any], feeds: Sequence[Feeds]) -> list[Any]:
        """A batch for each thread: requests are not joined only to be taken apart again."""
        parts = cut(len(requests), self._threads)
        answers = self._spread(lambda part: self._respond_together(requests[part], feeds[part]), parts)
        return list(chain.from_iterable(answers))

    def _respond_together(self, requests: Sequence[Any], feeds: Sequence[Feeds]) -> list[Any]:
        """Run one batch; when it fails, run its requests one by one, so that only the guilty one fails."""
        if len(requests) == 1:
            return [self._respond_alone(requests[0], self._compute)]
        try:
            names = self._choose_outputs(requests)
            batch = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
            sizes = [count_images(feed) for feed in feeds]
            return list(split_responses(requests, names, self._compute(names, batch), sizes))
        except Exception:
            return [self._respond_alone(request, self._compute) for request in requests]

    def _respond_alone(self, request: Any, run: Compute) -> Any:
        try:
            names = self._choose_outputs([request])
            return make_response(names, run(names, read_feeds(request)))
        except Exception as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))

    def _run(self, names: Sequence[str], feeds: Feeds) -> list[np.ndarray]:
        """Run one request, in parts of its images if there are threads for them."""
        parts = cut(count_images(feeds), self._threads)
        if len(parts) < 2:
            return self._compute(names, feeds)
        split = [{name: array[part] for name, array in feeds.items()} for part in parts]
        results = self._spread(lambda part: self._compute(names, part), split)
        return [np.concatenate(rows) for rows in zip(*results, strict=True)]

    def _spread(self, work: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
        """The results of the parts; this thread takes the first, the pool's threads the others."""
        others = [self._pool.submit(work, part) for part in parts[1:]]
        return [work(parts[0]), *(other.result() for other in others)]

    def _choose_outputs(self, requests: Iterable[Any]) -> list[str]:
        """The outputs that anybody asks for: ONNX Runtime computes no others."""
        wanted = {name for request in requests for name in request.requested_output_names()}
        return [name for name in self._output_names if name in wanted]


def run_each(run: Compute, names: Sequence[str], feeds: Feeds) -> list[np.ndarray]:
    """A batch, image by image."""
    images = [slice(index, index + 1) for index in range(count_images(feeds))]
    rows = [run(names, {name: array[image] for name, array in feeds.items()}) for image in images]
    return rows[0] if len(rows) == 1 else [np.concatenate(parts) for parts in zip(*rows, strict=True)]


def cut(size: int, parts: int) -> list[slice]:
    """Where to cut a sequence of `size` into at most `parts` even pieces."""
    parts = min(size, parts)
    return [slice(size * part // parts, size * (part + 1) // parts) for part in range(parts)]


def read_feeds(request: Any) -> Feeds:
    """The request's tensors, as views of Triton's shared memory."""
    return {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}


def count_images(feeds: Feeds) -> int:
    """Rows of the batch."""
    return len(next(iter(feeds.values())))


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


def list_refused(config: Mapping[str, Any], kind: str) -> list[str]:
    """What of the config cannot be served here; `kind` is the instance's, CPU or GPU."""
    graph = [f"optimization {name!r}" for name in ("graph", "cuda") if name in config.get("optimization", {})]
    accelerators = [f"GPU accelerator {name!r}" for name in list_accelerators(config, "gpu")]
    accelerators += [f"CPU accelerator {name!r}" for name in list_accelerators(config, "cpu") if name != "openvino"]
    parameters = [f"parameter {name!r}" for name in config.get("parameters", {}) if name not in PARAMETERS]
    unbatched = ["max_batch_size of 0"] if not config.get("max_batch_size") else []
    return [*(["GPU instances"] if kind == "GPU" else []), *accelerators, *graph, *parameters, *unbatched]


def list_accelerators(config: Mapping[str, Any], device: str) -> list[str]:
    """Names of the config's execution accelerators for `cpu` or `gpu`."""
    accelerators = config.get("optimization", {}).get("execution_accelerators", {})
    return [each["name"] for each in accelerators.get(f"{device}_execution_accelerator", [])]


def is_large(config: Mapping[str, Any]) -> bool:
    """Whether an image of the network has LARGE pixels and more; its size may be free, -1."""
    height, width, *_ = [*config["input"][0]["dims"], 0, 0]
    return int(height) * int(width) >= LARGE


def read_number(config: Mapping[str, Any], name: str) -> int:
    """A parameter of the config, 0 by default."""
    return int(config.get("parameters", {}).get(name, {}).get("string_value", 0))


def count_threads(config: Mapping[str, Any]) -> int:
    """Threads that share the images of a batch: 1 for ONNX Runtime with threads of its own."""
    threads = read_number(config, "intra_op_thread_count")
    if threads:
        return threads if list_accelerators(config, "cpu") else 1
    instances = sum(int(group.get("count", 1)) for group in config.get("instance_group", [])) or 1
    return math.ceil(len(os.sched_getaffinity(0)) / instances)
