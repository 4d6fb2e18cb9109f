"""Every error a client can get, as problem+json (RFC 9457).

Problem
├── BadRequest        400  a malformed request; the detail says what is accepted
├── NotAnImage        422  a file that cannot be decoded
├── Overloaded        503  Triton's queue is full or it is away; Retry-After says when to come again
├── DeadlineExceeded  504  no answer within the request's deadline
└── ServerError       500  a fault of ours; the client gets an id, the log the rest
"""

import logging
import uuid
from http import HTTPStatus

import grpc
from flask import Flask, Response, json
from werkzeug.exceptions import HTTPException

log = logging.getLogger("gateway")
PREPROCESS = "preprocess: "


class Problem(Exception):
    """An error with one HTTP status; `detail` is written for the client."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    headers: dict[str, str] = {}

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def to_dict(self) -> dict:
        return describe(self.status, self.detail)


class BadRequest(Problem):
    status = HTTPStatus.BAD_REQUEST


class NotAnImage(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Overloaded(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": "1"}


class DeadlineExceeded(Problem):
    status = HTTPStatus.GATEWAY_TIMEOUT


class ServerError(Problem):
    """Logged under an id; the client is told the id alone."""

    def __init__(self, cause: BaseException) -> None:
        id = uuid.uuid4().hex[:12]
        log.error("error %s", id, exc_info=cause)
        super().__init__(f"the service failed; its log knows this as {id}")


# The one table from gRPC to HTTP. INVALID_ARGUMENT is here only for what the preprocess step refuses.
BY_CODE: dict[grpc.StatusCode, tuple[type[Problem], str]] = {
    grpc.StatusCode.UNAVAILABLE: (Overloaded, "the inference server is busy or away; try again soon"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (Overloaded, "the inference server is out of resources; try again soon"),
    grpc.StatusCode.NOT_FOUND: (Overloaded, "the models are not loaded; try again soon"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (DeadlineExceeded, "no answer within the deadline"),
    grpc.StatusCode.CANCELLED: (DeadlineExceeded, "the request was given up before an answer came"),
}


def from_grpc(error: grpc.RpcError) -> Problem:
    """The problem that a failed Triton call means for the client."""
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.INVALID_ARGUMENT and PREPROCESS in details:
        return NotAnImage(details.partition(PREPROCESS)[2])
    if code in BY_CODE:
        kind, detail = BY_CODE[code]
        return kind(detail)
    return ServerError(error)


def describe(status: HTTPStatus, detail: str) -> dict:
    """The members of RFC 9457; the type is the status code's own."""
    return {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}


def respond(problem: Problem) -> Response:
    return _response(problem.to_dict(), problem.headers)


def _response(body: dict, headers: dict[str, str]) -> Response:
    text = json.dumps(body)
    return Response(text, body["status"], headers, content_type="application/problem+json")


def respond_to_http(error: HTTPException) -> Response:
    """Flask's own refusals: 404, 405, 413 and others."""
    status = HTTPStatus(error.code or 500)
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return _response(describe(status, error.description or status.phrase), headers)


def respond_to_unknown(error: Exception) -> Response:
    return respond(ServerError(error))


def register(app: Flask) -> None:
    app.register_error_handler(Problem, respond)
    app.register_error_handler(HTTPException, respond_to_http)
    app.register_error_handler(Exception, respond_to_unknown)
