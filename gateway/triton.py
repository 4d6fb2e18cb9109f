"""The gRPC side: photos to Triton's ensemble `analyze`, its tensors back. Failures are the contract's."""

import math
import threading
import time
from collections.abc import Callable, Sequence

import grpc
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from contract.answer import Tensors, read_rows
from contract.card import Catalog
from contract.channel import GRACE_SECONDS, open_channel
from contract.failure import AnalyzeError, BadPhoto, Unavailable, classify_failure
from contract.request import make_request
from contract.tasks import ENSEMBLE

READY_SECONDS = 2.0
Metadata = tuple[tuple[str, str], ...]
# Of one photo: its tensors, or why there are none.
Outcome = Tensors | AnalyzeError


class TritonClient:
    """One channel per process, opened at the first call: channels opened before a fork hang."""

    def __init__(self, url: str, request_seconds: float) -> None:
        self._url, self._seconds = url, request_seconds
        self._lock = threading.Lock()
        self._stub: GRPCInferenceServiceStub | None = None
        self._catalog: Catalog | None = None

    def is_ready(self) -> bool:
        """Whether the server and the ensemble are ready."""
        request = messages.ModelReadyRequest(name=ENSEMBLE)
        try:
            return bool(self._connect().ModelReady(request, timeout=READY_SECONDS).ready)
        except grpc.RpcError:
            return False

    def catalog(self) -> Catalog:
        """The models; asked for once, and again after Triton was away.

        Raises:
            AnalyzeError: Triton is away or has no ensemble.
            UnknownTask: a model has a task that is not known here.
        """
        catalog = self._catalog
        if catalog is None:
            try:
                answer = self._connect().ModelConfig(messages.ModelConfigRequest(name=ENSEMBLE), timeout=self._seconds)
            except grpc.RpcError as error:
                raise classify_failure(error) from error
            catalog = self._catalog = Catalog.from_config(answer.config)
        return catalog

    def analyze(
        self,
        images: Sequence[bytes],
        outputs: Sequence[str],
        seconds: float | None = None,
        metadata: Metadata = (),
        parts: int = 1,
    ) -> list[Outcome]:
        """The tensors of each image, or what is wrong with it.

        The images go in `parts` requests side by side, or in more where Triton takes fewer in one. `seconds` is what is
        left until the caller's deadline; `metadata` is sent along, the trace context for one.

        Raises:
            ContractError: the models are not known, so nothing could be asked.
        """
        deadline = time.monotonic() + (self._seconds if seconds is None else seconds)
        batches = split_evenly(images, max(parts, math.ceil(len(images) / self.catalog().max_batch_size)))
        outcomes: list[Outcome] = []
        for batch, answers in zip(batches, self._infer(batches, outputs, deadline, metadata), strict=True):
            if len(batch) > 1 and isinstance(answers[0], BadPhoto):
                # It failed for one of them; each by itself fails alone.
                answers = [each[0] for each in self._infer([[image] for image in batch], outputs, deadline, metadata)]
            outcomes += answers
        return outcomes

    def _infer(
        self, batches: list[Sequence[bytes]], outputs: Sequence[str], deadline: float, metadata: Metadata
    ) -> list[list[Outcome]]:
        """The answers of each batch, all of which are under way at once."""
        seconds = max(deadline - time.monotonic(), 0.0)
        timeout = seconds + GRACE_SECONDS
        infer = self._connect().ModelInfer
        requests = [make_request(batch, outputs, seconds) for batch in batches]
        if len(batches) == 1:
            # Waits in C, without the Python thread that completes futures: 0.3 ms of processor time less.
            return [self._answer(lambda: infer(requests[0], timeout, metadata), len(batches[0]))]
        calls = [infer.future(request, timeout, metadata) for request in requests]
        return [self._answer(call.result, len(batch)) for call, batch in zip(calls, batches, strict=True)]

    def _connect(self) -> GRPCInferenceServiceStub:
        with self._lock:
            if self._stub is None:
                self._stub = GRPCInferenceServiceStub(open_channel(self._url))
            return self._stub

    def _answer(self, wait: Callable[[], messages.ModelInferResponse], count: int) -> list[Outcome]:
        try:
            return list(read_rows(wait()))
        except grpc.RpcError as error:
            failure = classify_failure(error)
            if isinstance(failure, Unavailable):
                self._catalog = None
            return [failure] * count


def split_evenly(images: Sequence[bytes], parts: int) -> list[Sequence[bytes]]:
    """The images in at most `parts` even pieces."""
    parts = min(len(images), parts)
    return [images[len(images) * part // parts : len(images) * (part + 1) // parts] for part in range(parts)]
