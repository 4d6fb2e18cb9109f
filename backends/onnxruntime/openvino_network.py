"""A network compiled by OpenVINO's runtime for the CPU, in the place of an ONNX Runtime session."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import openvino


class OpenVinoNetwork:
    """One network on `threads` threads. Safe to share between as many threads; each image is computed by one of them.

    A batch is computed image by image: a network whose shapes are all known when it is compiled is faster one by one
    than one that is open to batches of any size.
    """

    def __init__(self, network: Path | bytes, threads: int = 1) -> None:
        """Compile an ONNX file, or its bytes, in fp32. A free first dimension of all tensors is the batch.

        Raises:
            RuntimeError: OpenVINO does not run this network, or its inputs have free dimensions besides the batch.
        """
        try:
            model = openvino.Core().read_model(network)
            # A network of a fixed batch is run as it is.
            self._splits = all(tensor.partial_shape[0].is_dynamic for tensor in model.inputs)
            if self._splits:
                model.reshape({tensor: [1, *list(tensor.partial_shape)[1:]] for tensor in model.inputs})
            # Once a free shape has failed, OpenVINO 2026.4 answers it with what it computed before.
            if any(tensor.partial_shape.is_dynamic for tensor in model.inputs):
                raise RuntimeError("its inputs have free dimensions besides the batch")
            self._compiled = openvino.compile_model(model, "CPU", make_options(threads))
        except RuntimeError as error:
            raise RuntimeError(explain(error)) from error
        self._idle: SimpleQueue[openvino.InferRequest] = SimpleQueue()
        for _ in range(threads):
            self._idle.put(self._compiled.create_infer_request())

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The named outputs, all by default, for tensors by name; as InferenceSession.run.

        Raises:
            RuntimeError: the tensors do not fit the network.
        """
        outputs = [self._compiled.output(name) for name in names] if names else self._compiled.outputs
        request = self._idle.get()
        try:
            rows = [self._infer(request, outputs, part) for part in self._split(feeds)]
        except RuntimeError as error:
            raise RuntimeError(explain(error)) from error
        finally:
            self._idle.put(request)
        return [np.concatenate(parts) for parts in zip(*rows, strict=True)] if len(rows) > 1 else rows[0]

    def _split(self, feeds: Mapping[str, np.ndarray]) -> list[Mapping[str, np.ndarray]]:
        if not self._splits:
            return [feeds]
        count = len(next(iter(feeds.values())))
        return [{name: array[index : index + 1] for name, array in feeds.items()} for index in range(count)]

    def _infer(
        self, request: openvino.InferRequest, outputs: Sequence, feeds: Mapping[str, np.ndarray]
    ) -> list[np.ndarray]:
        for name, array in feeds.items():
            request.set_tensor(name, openvino.Tensor(np.require(array, requirements=["C", "W"]), shared_memory=True))
        request.infer()
        return [request.get_tensor(output).data.copy() for output in outputs]


def make_options(threads: int) -> dict[str, str | int | bool]:
    """OpenVINO's own names: a stream is a thread with a request of its own."""
    return {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": threads,
        # Several processes share the cores, and would all pin themselves to the same ones.
        "ENABLE_CPU_PINNING": False,
    }


def explain(error: RuntimeError) -> str:
    """OpenVINO's message in one line, without the places in its source."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(("Exception from ", "Check ")))
