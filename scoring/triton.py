"""The gRPC side: photos to Triton's ensemble `analyze` and its answers back, again and again where that may help.

gRPC itself takes the endpoints in turn, leaves out one that does not answer, and takes it back when it does.
"""

import socket
import threading
import time
from collections.abc import Sequence

import grpc
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential
from tenacity.nap import sleep_using_event
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from contract.answer import Tensors, read_rows
from contract.card import Catalog
from contract.channel import GRACE_SECONDS, open_channel
from contract.failure import AnalyzeError, Broken, Expired, Unavailable, UnknownTask, classify_failure
from contract.request import make_request
from contract.tasks import ENSEMBLE
from scoring.errors import ServiceAway, Stopped, UsageError

CONFIG_SECONDS = 10.0
# A stub process that dies takes every request it had with it, also of good photos.
FEW_TIMES = 3
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 10.0
AWAY = (Unavailable, Expired)


def make_target(endpoints: str) -> str:
    """gRPC's name for `host:port` (every address that DNS knows for it) or `host:port,host:port`.

    Raises:
        UsageError: an endpoint is not host:port, or DNS does not know a host of a list.
    """
    pairs = [endpoint.strip().rpartition(":") for endpoint in endpoints.split(",")]
    if not all(host and port.isdecimal() for host, _, port in pairs):
        raise UsageError(f"--endpoint takes host:port, or several with commas between, not {endpoints!r}")
    if len(pairs) == 1:
        return f"dns:///{endpoints.strip()}"
    return "ipv4:" + ",".join(f"{address}:{port}" for host, _, port in pairs for address in resolve(host))


def resolve(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"--endpoint: {host}: {error.strerror}") from None
    return sorted({str(address[0]) for *_, address in found})


class RetryingClient:
    """Thread-safe. `timeout`: seconds that one request may take; `patience`: seconds for which photos are asked for
    again while the service is busy or away.

    Once the service has answered nobody for that long, photos get one try each, so that a run ends.
    """

    def __init__(self, endpoints: str, timeout: float, patience: float) -> None:
        self._endpoints, self._timeout, self._patience = endpoints, timeout, patience
        self._channel = open_channel(make_target(endpoints))
        self._stub = GRPCInferenceServiceStub(self._channel)
        self._stopping = threading.Event()
        self._silent_since: float | None = None
        self._retrying = Retrying(
            retry=retry_if_exception_type((*AWAY, Broken)),
            wait=wait_random_exponential(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS),
            stop=self._gives_up,
            sleep=sleep_using_event(self._stopping),
            reraise=True,
        )

    def close(self) -> None:
        """Ends the calls under way, too."""
        self._channel.close()

    @property
    def is_stopped(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Begin no further request."""
        self._stopping.set()

    def describe(self, wait: float = 0.0) -> Catalog:
        """The models of `analyze`. `wait`: seconds that a service may take to start.

        Raises:
            ServiceAway: there is no answer.
            UsageError: a model has an unknown task.
        """
        request = messages.ModelConfigRequest(name=ENSEMBLE)
        try:
            config = self._stub.ModelConfig(request, timeout=wait or CONFIG_SECONDS, wait_for_ready=wait > 0).config
            return Catalog.from_config(config)
        except grpc.RpcError as error:
            raise ServiceAway(f"Triton at {self._endpoints} does not answer ({error.code().name})") from None
        except UnknownTask as error:
            raise UsageError(str(error)) from None

    def ask(self, images: Sequence[bytes], outputs: Sequence[str]) -> list[Tensors | AnalyzeError]:
        """For each photo the tensors of `outputs`, or its failure. One request for all, at most `max_batch_size`.

        A request fails whole. Where the fault may be one photo's, they are asked for again one by one.

        Raises:
            Stopped: the client was stopped before there was an answer.
        """
        try:
            return list(self._retrying(self._infer, images, outputs))
        except AnalyzeError as error:
            if isinstance(error, AWAY) or len(images) == 1:
                return [error] * len(images)
            return [answer for image in images for answer in self.ask([image], outputs)]

    def _infer(self, images: Sequence[bytes], outputs: Sequence[str]) -> list[Tensors]:
        if self.is_stopped:
            raise Stopped
        request = make_request(images, outputs, self._timeout)
        try:
            rows = list(read_rows(self._stub.ModelInfer(request, self._timeout + GRACE_SECONDS)))
        except grpc.RpcError as error:
            failure = classify_failure(error)
            if not isinstance(failure, AWAY):
                self._silent_since = None
            raise failure from None
        self._silent_since = None
        return rows

    def _gives_up(self, state: RetryCallState) -> bool:
        assert state.outcome is not None
        if isinstance(state.outcome.exception(), Broken):
            return state.attempt_number >= FEW_TIMES
        if self._silent_since is None:
            self._silent_since = time.monotonic()
        return max(state.seconds_since_start or 0.0, time.monotonic() - self._silent_since) >= self._patience
