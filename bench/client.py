"""The clients of a load: gRPC, and HTTP with a raw body or multipart."""

import itertools
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import grpc
from tritonclient.grpc import service_pb2 as messages

from contract.channel import open_channel
from contract.failure import Unavailable, classify_failure
from contract.request import make_request

BOUNDARY = b"boundary-of-the-bench"
TIMEOUT_SECONDS = 60
COMMENT = b"\xff\xfe\x00\x12"  # a JPEG comment of 16 bytes
METHOD = "/inference.GRPCInferenceService/ModelInfer"
Photos = list[bytes]


@dataclass(frozen=True)
class Plan:
    """A load. `way`: grpc, raw, multipart. `url`: host:port for grpc, otherwise the full URL of a route.
    `outputs`: of the ensemble, for grpc; without `tells` only Triton is told them, not the preprocess step.

    `concurrency`: clients. `distinct` makes every photo another file, so that no cache knows it; `photos_per_request`
    is for all but raw. `rate` (requests per second) opens the loop: requests start on time, whatever became of the
    ones before. `pid`: the service, whose processor time is measured.
    """

    way: str
    url: str
    photos: tuple[str, ...]
    concurrency: int
    seconds: float
    outputs: tuple[str, ...] = ()
    tells: bool = True
    distinct: bool = True
    photos_per_request: int = 1
    rate: float = 0.0
    pid: int = 0


class Refused(Exception):
    """The service said that it has no room: 429, 503, or UNAVAILABLE."""


def read_photos(paths: Sequence[str]) -> Photos:
    """The files. Raises ValueError for one that is no JPEG: only they can be made distinct by a comment."""
    photos = [Path(path).read_bytes() for path in paths]
    for path, photo in zip(paths, photos, strict=True):
        if not photo.startswith(b"\xff\xd8"):
            raise ValueError(f"{path} is no JPEG")
    return photos


def cycle_photos(plan: Plan, photos: Photos, number: int) -> Callable[[], list[bytes]]:
    """The photos of the next request of client `number`; if the plan says so each is a file never sent before."""
    order = itertools.cycle(photos[number % len(photos) :] + photos[: number % len(photos)])
    # Random, as the service's cache outlives a measurement: the next one must not send the same files again.
    client, counter = os.urandom(8), itertools.count()

    def take() -> bytes:
        photo = next(order)
        if not plan.distinct:
            return photo
        return b"".join((photo[:2], COMMENT, client, next(counter).to_bytes(8), photo[2:]))

    return lambda: [take() for _ in range(plan.photos_per_request)]


def make_grpc(plan: Plan, photos: Photos, number: int) -> Callable[[], object]:
    """One call of the ensemble, on a channel of the client's own."""
    take = cycle_photos(plan, photos, number)
    channel = open_channel(plan.url)
    call = channel.unary_unary(METHOD, messages.ModelInferRequest.SerializeToString)

    def ask() -> None:
        request = make_request(take(), plan.outputs)
        if not plan.tells:
            request.ClearField("parameters")
        try:
            call(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            failure = classify_failure(error)
            raise (Refused(str(failure)) if isinstance(failure, Unavailable) else failure) from error

    return ask


def make_raw(plan: Plan, photos: Photos, number: int) -> Callable[[], object]:
    return make_http(plan, b"image/jpeg", cycle_photos(plan, photos, number))


def make_multipart(plan: Plan, photos: Photos, number: int) -> Callable[[], object]:
    take = cycle_photos(plan, photos, number)
    head = b'--%s\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    head, end = head % BOUNDARY, b"--%s--\r\n" % BOUNDARY

    def make_body() -> list[bytes]:
        return [*(part for photo in take() for part in (head, photo, b"\r\n")), end]

    return make_http(plan, b"multipart/form-data; boundary=" + BOUNDARY, make_body)


def make_http(plan: Plan, content_type: bytes, make_body: Callable[[], list[bytes]]) -> Callable[[], object]:
    """One POST on a kept connection; anything but success raises."""
    url = urlsplit(plan.url)
    target = f"{url.path or '/'}?{url.query}".rstrip("?")
    head = f"POST {target} HTTP/1.1\r\nHost: {url.netloc}\r\nAccept: */*\r\n".encode()
    connection = Connection(str(url.hostname), url.port or 80)

    def ask() -> None:
        body = make_body()
        fields = b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (content_type, sum(map(len, body)))
        status, answer = connection.send(b"".join([head, fields, *body]))
        if status in (429, 503):
            raise Refused(answer[:200])
        if status != 200:
            raise OSError(f"{status}: {answer[:200]!r}")

    return ask


class Connection:
    """HTTP/1.1 over one socket, as little of it as a load needs: http.client takes 0.15 ms more for each request."""

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
            self._answers = self._socket.makefile("rb")
        self._socket.sendall(request)
        status = self._answers.readline()
        if not status:
            raise ConnectionError("closed without an answer")
        fields = dict(self._read_fields())
        body = self._answers.read(int(fields[b"content-length"]))
        if fields.get(b"connection", b"").lower() == b"close":
            self._close()
        return int(status[9:12]), body

    def _read_fields(self) -> Iterator[tuple[bytes, bytes]]:
        """The header's fields, names in lower case."""
        while line := self._answers.readline().strip():
            name, _, value = line.partition(b":")
            yield name.lower(), value.strip()

    def _close(self) -> None:
        if self._socket is not None:
            self._answers.close()
            self._socket.close()
        self._socket = None


WAYS = {"grpc": make_grpc, "raw": make_raw, "multipart": make_multipart}
