"""The gRPC side: photos to Triton's ensemble `analyze` and its tensors back."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub
from tritonclient.utils import deserialize_bytes_tensor

from gateway.catalog import Catalog
from gateway.problems import NotAnImage, Problem, from_grpc

ENSEMBLE = "analyze"
CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A server that comes back is found again within a second.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
# At the deadline Triton itself ends the wait in its queues. What it computes by then gets this time to end, as Triton
# 24.10 may crash when a request is cut off while it is computed (server issues 7368, 8034).
GRACE_SECONDS = 2.0
DTYPES = {"FP32": np.float32, "INT32": np.int32}

Tensors = dict[str, np.ndarray]
Metadata = tuple[tuple[str, str], ...]


class TritonClient:
    """One channel per process, opened at the first call: channels opened before a fork hang."""

    def __init__(self, url: str, request_seconds: float) -> None:
        self._url, self._seconds = url, request_seconds
        self._lock = threading.Lock()
        self._stub: GRPCInferenceServiceStub | None = None
        self._catalog: Catalog | None = None

    def is_ready(self) -> bool:
        """Whether the server and the ensemble are ready."""
        try:
            return bool(self._connect().ModelReady(messages.ModelReadyRequest(name=ENSEMBLE), timeout=2).ready)
        except grpc.RpcError:
            return False

    def catalog(self) -> Catalog:
        """The models; asked for once, and again after Triton was away.

        Raises:
            Problem: Triton is away or has no ensemble.
        """
        if self._catalog is None:
            try:
                answer = self._connect().ModelConfig(messages.ModelConfigRequest(name=ENSEMBLE), timeout=self._seconds)
            except grpc.RpcError as error:
                raise from_grpc(error) from error
            cards = {name: value.string_value for name, value in answer.config.parameters.items()}
            self._catalog = Catalog(cards, answer.config.max_batch_size)
        return self._catalog

    def analyze(
        self,
        images: Sequence[bytes],
        outputs: Sequence[str],
        seconds: float | None = None,
        metadata: Metadata = (),
        parts: int = 1,
    ) -> list[Tensors | Problem]:
        """The tensors of each image, or what is wrong with it.

        The images go in `parts` requests side by side, or in more where Triton takes fewer in one. `seconds` is what is
        left until the caller's deadline; `metadata` travels along, the trace context for one.
        """
        deadline = time.monotonic() + (self._seconds if seconds is None else seconds)
        batches = cut(images, max(parts, math.ceil(len(images) / self.catalog().batch_size)))
        results: list[Tensors | Problem] = []
        for batch, answers in zip(batches, self._infer(batches, outputs, deadline, metadata), strict=True):
            if len(batch) > 1 and isinstance(answers[0], NotAnImage):
                # It failed for one of them; each by itself fails alone.
                answers = [each[0] for each in self._infer([[image] for image in batch], outputs, deadline, metadata)]
            results += answers
        return results

    def _infer(
        self, batches: list[Sequence[bytes]], outputs: Sequence[str], deadline: float, metadata: Metadata
    ) -> list[list[Tensors | Problem]]:
        """The answers of each batch, all of which are under way at once."""
        seconds = max(deadline - time.monotonic(), 0.0)
        patience = seconds + GRACE_SECONDS
        infer = self._connect().ModelInfer
        requests = [make_request(batch, outputs, seconds) for batch in batches]
        if len(batches) == 1:
            # Waits in C, without the Python thread that completes futures: 0.3 ms of processor time less.
            return [self._answer(lambda: infer(requests[0], patience, metadata), len(batches[0]))]
        calls = [infer.future(request, patience, metadata) for request in requests]
        return [self._answer(call.result, len(batch)) for call, batch in zip(calls, batches, strict=True)]

    def _connect(self) -> GRPCInferenceServiceStub:
        with self._lock:
            if self._stub is None:
                self._stub = GRPCInferenceServiceStub(grpc.insecure_channel(self._url, options=CHANNEL_OPTIONS))
            return self._stub

    def _answer(self, wait: Callable[[], messages.ModelInferResponse], count: int) -> list[Tensors | Problem]:
        try:
            return list(read_rows(wait()))
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND):
                self._catalog = None
            return [from_grpc(error)] * count


def make_request(images: Sequence[bytes], outputs: Sequence[str], seconds: float) -> messages.ModelInferRequest:
    """One request for all `images`, which must be answered within `seconds`."""
    request = messages.ModelInferRequest(model_name=ENSEMBLE)
    request.inputs.add(name="IMAGE", datatype="BYTES", shape=[len(images), 1])
    for name in outputs:
        request.outputs.add(name=name)
    # Tells the preprocess step what it can leave out; Triton prunes by the outputs themselves.
    request.parameters["outputs"].string_param = ",".join(outputs)
    # Ends the wait in Triton's queues; 0 would mean no end.
    request.parameters["timeout"].int64_param = max(1, int(seconds * 1e6))
    elements = (part for image in images for part in (len(image).to_bytes(4, "little"), image))
    request.raw_input_contents.append(b"".join(elements))
    return request


def read_rows(response: messages.ModelInferResponse) -> Iterator[Tensors]:
    """The tensors of each image of a request, without the batch dimension; BYTES become object arrays of bytes."""
    contents = zip(response.outputs, response.raw_output_contents, strict=True)
    tensors = {output.name: read_tensor(output, content) for output, content in contents}
    for rows in zip(*tensors.values(), strict=True):
        yield dict(zip(tensors, rows, strict=True))


def read_tensor(output: messages.ModelInferResponse.InferOutputTensor, content: bytes) -> np.ndarray:
    if output.datatype == "BYTES":
        return deserialize_bytes_tensor(content).reshape(output.shape)
    return np.frombuffer(content, DTYPES[output.datatype]).reshape(output.shape)


def cut(images: Sequence[bytes], parts: int) -> list[Sequence[bytes]]:
    """The images in at most `parts` even pieces."""
    parts = min(len(images), parts)
    return [images[len(images) * part // parts : len(images) * (part + 1) // parts] for part in range(parts)]
