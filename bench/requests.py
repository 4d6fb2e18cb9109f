"""Requests as bytes that are ready to be sent: gRPC, and HTTP with a raw body or multipart."""

import itertools
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from bench.load import Plan

BOUNDARY = b"boundary-of-the-bench"
TIMEOUT_SECONDS = 60
COMMENT = b"\xff\xfe\x00\x12"  # a JPEG comment of 16 bytes
Photos = list[bytes]


class Refused(Exception):
    """The service said that it has no room: 503, or UNAVAILABLE."""


def read_photos(paths: Sequence[str]) -> Photos:
    """The files. Raises ValueError for one that is no JPEG: only they can be made distinct by a comment."""
    photos = [Path(path).read_bytes() for path in paths]
    for path, photo in zip(paths, photos, strict=True):
        if not photo.startswith(b"\xff\xd8"):
            raise ValueError(f"{path} is no JPEG")
    return photos


def cycle_photos(plan: "Plan", photos: Photos, number: int) -> Callable[[], bytes]:
    """The next photo of client `number`; if the plan says so each is a file that was never sent before."""
    order = itertools.cycle(photos[number % len(photos) :] + photos[: number % len(photos)])
    if not plan.distinct:
        return lambda: next(order)
    # Random, as the service's cache outlives a measurement: the next one must not send the same files again.
    client = os.urandom(8)
    marks = (client + count.to_bytes(8) for count in itertools.count())

    def take() -> bytes:
        photo = next(order)
        return b"".join((photo[:2], COMMENT, next(marks), photo[2:]))

    return take


def make_grpc(plan: "Plan", photos: Photos, number: int) -> Callable[[], object]:
    """One call of the ensemble on a channel of the client's own. The message is joined from its parts: protobuf
    messages that follow each other are one message."""
    import grpc
    from tritonclient.grpc import service_pb2

    request = service_pb2.ModelInferRequest(model_name=plan.model)
    request.inputs.add(name="IMAGE", datatype="BYTES", shape=[plan.photos_per_request, 1])
    for name in plan.outputs:
        request.outputs.add(name=name)
    for name, value in plan.parameters.items():
        request.parameters[name].string_param = value
    head, take = request.SerializeToString(), cycle_photos(plan, photos, number)
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    call = grpc.insecure_channel(plan.url, options).unary_unary("/inference.GRPCInferenceService/ModelInfer")

    def ask() -> None:
        files = [take() for _ in range(plan.photos_per_request)]
        elements = [part for file in files for part in (len(file).to_bytes(4, "little"), file)]
        field = b"\x3a" + to_varint(sum(map(len, elements)))  # raw_input_contents
        try:
            call(b"".join((head, field, *elements)), timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise Refused(error.details()) from error
            raise

    return ask


def to_varint(number: int) -> bytes:
    """Protobuf's variable-length integer."""
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def make_raw(plan: "Plan", photos: Photos, number: int) -> Callable[[], object]:
    take = cycle_photos(plan, photos, number)
    return make_http(plan, b"image/jpeg", lambda: [take()])


def make_multipart(plan: "Plan", photos: Photos, number: int) -> Callable[[], object]:
    take = cycle_photos(plan, photos, number)
    head = b'--%s\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    head, end = head % BOUNDARY, b"--%s--\r\n" % BOUNDARY

    def make_body() -> list[bytes]:
        parts = [(head, take(), b"\r\n") for _ in range(plan.photos_per_request)]
        return [*itertools.chain.from_iterable(parts), end]

    return make_http(plan, b"multipart/form-data; boundary=" + BOUNDARY, make_body)


def make_http(plan: "Plan", content_type: bytes, make_body: Callable[[], list[bytes]]) -> Callable[[], object]:
    """One POST on a kept connection; anything but success raises."""
    url = urlsplit(plan.url)
    target = f"{url.path or '/'}?{url.query}".rstrip("?")
    head = f"POST {target} HTTP/1.1\r\nHost: {url.netloc}\r\nAccept: */*\r\n".encode()
    connection = Connection(str(url.hostname), url.port or 80)

    def ask() -> None:
        body = make_body()
        length = sum(map(len, body))
        fields = b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (content_type, length)
        status, answer = connection.send(b"".join([head, fields, *body]))
        if status in (429, 503):
            raise Refused(answer[:200])
        if status != 200:
            raise OSError(f"{status}: {answer[:200]!r}")

    return ask


class Connection:
    """HTTP/1.1 over one socket, as little of it as a load needs: an answer has a Content-Length or is chunked."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._socket: socket.socket | None = None

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. A kept connection that the server has closed meanwhile is opened anew, as clients do."""
        kept = self._socket is not None
        try:
            return self._exchange(request)
        except ConnectionError:
            self._close()
            if not kept:
                raise
            return self._exchange(request)
        except BaseException:
            self._close()
            raise

    def _exchange(self, request: bytes) -> tuple[int, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, TIMEOUT_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        data = self._receive(lambda data: b"\r\n\r\n" in data, b"")
        head, _, body = data.partition(b"\r\n\r\n")
        fields = parse_fields(head)
        if b"content-length" in fields:
            length = int(fields[b"content-length"])
            body = self._receive(lambda data: len(data) >= length, body)
        else:
            body = self._receive(lambda data: data.endswith(b"0\r\n\r\n"), body)
        if fields.get(b"connection", b"").lower() == b"close":
            self._close()
        return int(head[9:12]), body

    def _receive(self, is_whole: Callable[[bytes], bool], data: bytes) -> bytes:
        assert self._socket is not None
        while not is_whole(data):
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionError(f"closed after {data[:100]!r}")
            data += more
        return data

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None


def parse_fields(head: bytes) -> dict[bytes, bytes]:
    """The header's fields by lower-case name."""
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


WAYS = {"grpc": make_grpc, "raw": make_raw, "multipart": make_multipart}
