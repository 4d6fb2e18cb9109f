"""Every error a client can get, as problem+json (RFC 9457).

Problem
├── BadRequest        400  a malformed request; the detail says what is accepted
├── Unauthorized      401  no key, or one that is not known
├── NoSuchModel       404  a model that is not served; the detail lists those that are
├── NotAcceptable     406  the answer's format is not one that can be made
├── RequestTimeout    408  the body did not arrive in time
├── UnsupportedMedia  415  a Content-Type that holds no photos
├── NotAnImage        422  a file that cannot be decoded
├── Overloaded        503  a queue is full or Triton is away; Retry-After says when to come again
├── DeadlineExceeded  504  no answer within the request's deadline
└── ServerError       500  a fault of ours; the log tells the rest under the request's id

Flask's and Flask-Limiter's own (404, 405, 413, 429) get the same form.
"""

import logging
from http import HTTPStatus

import grpc
from flask import Flask, Response, g, json
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

log = logging.getLogger("gateway")
PREPROCESS = "preprocess: "
EXPIRED = "Request timeout expired"  # in one of Triton's queues


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


class Unauthorized(Problem):
    status = HTTPStatus.UNAUTHORIZED
    headers = {"WWW-Authenticate": "Bearer"}


class NoSuchModel(Problem):
    status = HTTPStatus.NOT_FOUND


class NotAcceptable(Problem):
    status = HTTPStatus.NOT_ACCEPTABLE


class RequestTimeout(Problem):
    status = HTTPStatus.REQUEST_TIMEOUT
    headers = {"Connection": "close"}


class UnsupportedMedia(Problem):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class NotAnImage(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Overloaded(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": "1"}


class DeadlineExceeded(Problem):
    status = HTTPStatus.GATEWAY_TIMEOUT


class ServerError(Problem):
    """Logged with the request's id; the client is told the id alone."""

    def __init__(self, cause: BaseException) -> None:
        request_id = g.visit.request_id
        log.error("request %s failed", request_id, exc_info=cause)
        super().__init__(f"the service failed; its log knows this as {request_id}")


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
    if code is grpc.StatusCode.UNAVAILABLE and EXPIRED in details:
        code = grpc.StatusCode.DEADLINE_EXCEEDED
    if code in BY_CODE:
        kind, detail = BY_CODE[code]
        return kind(detail)
    return ServerError(error)


def describe(status: HTTPStatus, detail: str) -> dict:
    """The members of RFC 9457; the type is the status code's own."""
    return {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}


def respond(problem: Problem) -> Response:
    return make_response(problem.to_dict(), problem.headers)


def make_response(body: dict, headers: dict[str, str]) -> Response:
    text = json.dumps(body)
    return Response(text, body["status"], headers, content_type="application/problem+json")


def respond_to_http(error: HTTPException) -> Response:
    """Flask's own refusals: 404, 405, 413 and others."""
    status = HTTPStatus(error.code or 500)
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return make_response(describe(status, error.description or status.phrase), headers)


def respond_to_validation(error: ValidationError) -> Response:
    """A query or path that the schema refuses."""
    wrong = [f"{'.'.join(map(str, each['loc']))}={each['input']}: {each['msg']}" for each in error.errors()]
    return respond(BadRequest("; ".join(wrong)))


def respond_to_unknown(error: Exception) -> Response:
    return respond(ServerError(error))


def register(app: Flask) -> None:
    app.register_error_handler(Problem, respond)
    app.register_error_handler(HTTPException, respond_to_http)
    app.register_error_handler(Exception, respond_to_unknown)
