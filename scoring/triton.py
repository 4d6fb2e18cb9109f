"""The gRPC side: photos to Triton's ensemble `analyze`, and their tensors back. One channel to all endpoints.

gRPC itself takes the endpoints in turn, leaves out one that does not answer, and takes it back when it does.
"""

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub
from tritonclient.utils import deserialize_bytes_tensor

from scoring.errors import ServiceAway, UsageError
from scoring.schema import Model

ENSEMBLE = "analyze"
SIZE = "IMAGE_SIZE"
DTYPES = {"FP32": np.float32, "INT32": np.int32}
CONFIG_SECONDS = 10.0
# Triton's queues give up first: a deadline that passes here cancels the request, which may crash Triton before 25.03.
MARGIN_SECONDS = 5.0
CHANNEL_OPTIONS = [
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5000),
    # With these gRPC sets TCP_USER_TIMEOUT: a machine that vanishes without a word is noticed after 20 s. Triton
    # takes pings more often than every 5 minutes for an attack.
    ("grpc.keepalive_time_ms", 300_000),
    ("grpc.keepalive_timeout_ms", 20_000),
]

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Ensemble:
    """`analyze`: its models, or those of them that were asked for, and how many photos one request may have."""

    models: tuple[Model, ...]
    max_batch_size: int


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


class Triton:
    """Thread-safe. `timeout`: seconds that one request may take."""

    def __init__(self, endpoints: str, timeout: float) -> None:
        self._endpoints, self._timeout = endpoints, timeout
        self._channel = grpc.insecure_channel(make_target(endpoints), options=CHANNEL_OPTIONS)
        self._stub = GRPCInferenceServiceStub(self._channel)

    def close(self) -> None:
        """Ends the calls under way, too."""
        self._channel.close()

    def describe(self, names: tuple[str, ...] = (), wait: float = 0.0) -> Ensemble:
        """With the named models, all without names, by name. `wait`: seconds that a service may take to start.

        Raises:
            ServiceAway: there is no answer.
            UsageError: a name is unknown; lists the known ones.
        """
        request = messages.ModelConfigRequest(name=ENSEMBLE)
        try:
            config = self._stub.ModelConfig(request, timeout=wait or CONFIG_SECONDS, wait_for_ready=wait > 0).config
        except grpc.RpcError as error:
            raise ServiceAway(f"Triton at {self._endpoints} does not answer ({error.code().name})") from None
        known = {
            name: Model.from_card(name, json.loads(card.string_value))
            for name, card in sorted(config.parameters.items())
        }
        if unknown := [name for name in names if name not in known]:
            raise UsageError(f"--outputs: no model {', '.join(unknown)}; there are {', '.join(known)}")
        models = tuple(model for name, model in known.items() if name in (names or known))
        return Ensemble(models, config.max_batch_size)

    def infer(self, images: Sequence[bytes], outputs: tuple[str, ...]) -> list[Tensors]:
        """Encoded files through the ensemble in one request, at most its `max_batch_size`; the tensors of each.

        Raises:
            grpc.RpcError: INVALID_ARGUMENT if one of the files is no picture.
        """
        response = self._stub.ModelInfer(self._make_request(images, outputs), self._timeout + MARGIN_SECONDS)
        contents = zip(response.outputs, response.raw_output_contents, strict=True)
        batches = {output.name: read_tensor(output, content) for output, content in contents}
        return [{name: batch[place] for name, batch in batches.items()} for place in range(len(images))]

    def _make_request(self, images: Sequence[bytes], outputs: tuple[str, ...]) -> messages.ModelInferRequest:
        request = messages.ModelInferRequest(model_name=ENSEMBLE)
        request.inputs.add(name="IMAGE", datatype="BYTES", shape=[len(images), 1])
        for name in outputs:
            request.outputs.add(name=name)
        # Tells the preprocess step what it can leave out; Triton prunes by the outputs themselves.
        request.parameters["outputs"].string_param = ",".join(outputs)
        # The client's deadline ends the wait here; this ends the wait in Triton's queues.
        request.parameters["timeout"].int64_param = int(self._timeout * 1e6)
        elements = (part for image in images for part in (len(image).to_bytes(4, "little"), image))
        request.raw_input_contents.append(b"".join(elements))
        return request


def read_tensor(output: messages.ModelInferResponse.InferOutputTensor, content: bytes) -> np.ndarray:
    """One tensor with its batch dimension; BYTES become an object array of bytes."""
    is_bytes = output.datatype == "BYTES"
    flat = deserialize_bytes_tensor(content) if is_bytes else np.frombuffer(content, DTYPES[output.datatype])
    return flat.reshape(tuple(output.shape))
