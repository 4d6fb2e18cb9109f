"""Answers that come before the body was read: what is left is read off, or the connection is closed.

gunicorn would promise to keep the connection and then close it, and whoever reuses it would lose the next request.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, BinaryIO

from flask import Flask
from gunicorn.http.errors import ParseException
from gunicorn.http.wsgi import Response

from gateway.operations.upload_deadline import UploadDeadline
from gateway.problems import RequestTimeout

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PIECE_BYTES = 1 << 20
# A client that sends slower than this is better off with a new connection.
DRAIN_SECONDS = 2.0


class CountedBody:
    """A request's body that knows how much of it was read. `length` in bytes, None for a chunked body."""

    def __init__(self, stream: BinaryIO, length: int | None) -> None:
        self._stream, self._length, self._count = stream, length, 0

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self._count += len(piece)
        return piece

    def readline(self, size: int = -1) -> bytes:
        line = self._stream.readline(size)
        self._count += len(line)
        return line

    def drain(self, max_bytes: int) -> bool:
        """Whether everything is read now: at most `max_bytes` more are."""
        if self._length is not None and self._length - self._count > max_bytes:
            return False
        most = self._count + max_bytes
        while self._count != self._length and self._count <= most:
            if not self.read(PIECE_BYTES):
                return self._length is None
        return self._count == self._length


def register(app: Flask, max_bytes: int) -> None:
    """Have `app` leave no body unread, or say that the connection ends; a body is at most `max_bytes` long."""
    app.wsgi_app = finish_bodies(app.wsgi_app, max_bytes)  # type: ignore[assignment, method-assign]


def finish_bodies(application: "WSGIApplication", max_bytes: int) -> "WSGIApplication":
    deadline = UploadDeadline(DRAIN_SECONDS)

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not environ.get("wsgi.input_terminated"):  # not gunicorn: nothing says where the body ends
            return application(environ, start_response)
        body = environ["wsgi.input"] = CountedBody(environ["wsgi.input"], read_length(environ))

        def start(*arguments: Any) -> Callable[[bytes], object]:
            if not finish(body, environ, deadline, max_bytes):
                close_after(start_response)
            return start_response(*arguments)

        return application(environ, start)

    return respond


def read_length(environ: "WSGIEnvironment") -> int | None:
    """Bytes of the body, None where it is chunked."""
    return None if environ.get("HTTP_TRANSFER_ENCODING") else int(environ.get("CONTENT_LENGTH") or 0)


def finish(body: CountedBody, environ: "WSGIEnvironment", deadline: UploadDeadline, max_bytes: int) -> bool:
    """Whether all of the body is read, and the connection ready for the next request."""
    try:
        with deadline.limit(environ.get("gunicorn.socket")):
            return body.drain(max_bytes)
    except (RequestTimeout, OSError, ParseException):  # too slow, gone, or no proper chunks
        return False


def close_after(start_response: "StartResponse") -> None:
    """gunicorn leaves out an application's own `Connection: close`; its response object has a method for it."""
    response = getattr(start_response, "__self__", None)
    if isinstance(response, Response):
        response.force_close()
