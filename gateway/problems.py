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
├── NotFinite         500  a network gave NaN or infinity for a photo
├── UnsupportedTask   500  a served model has a task that the gateway does not know; the detail names both
└── ServerError       500  a fault of ours; the log has the rest under the request's id

Flask's and Flask-Limiter's own (404, 405, 413, 429) get the same form.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus

from flask import Flask, Response, json, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from contract.failure import BadPhoto, Broken, ContractError, Expired, Unavailable, UnknownModel, UnknownTask
from gateway.operations.request_context import context

log = logging.getLogger("gateway")


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
    """Logged with the request's id; the client gets the id alone."""

    def __init__(self, cause: BaseException) -> None:
        request_id = context().request_id
        log.error("request %s failed", request_id, exc_info=cause)
        super().__init__(f"the service failed; its log knows this as {request_id}")


class NotFinite(Problem):
    def __init__(self, model: str) -> None:
        super().__init__(f"model {model} gave no finite numbers for this photo")


class UnsupportedTask(Problem):
    """Logged: whoever runs the service must update the gateway."""

    def __init__(self, error: ContractError) -> None:
        log.error("%s", error)
        super().__init__(str(error))


# The one table from the contract's failures to HTTP.
BY_FAILURE: dict[type[ContractError], Callable[[ContractError], Problem]] = {
    UnknownModel: lambda error: BadRequest(str(error)),
    UnknownTask: UnsupportedTask,
    BadPhoto: lambda error: NotAnImage(str(error)),
    Unavailable: lambda _: Overloaded("the inference server is busy or away; try again soon"),
    Expired: lambda _: DeadlineExceeded("no answer within the deadline"),
    Broken: ServerError,
}


def to_problem(error: ContractError) -> Problem:
    """The problem that a failure means for the client."""
    return BY_FAILURE[type(error)](error)


def describe(status: HTTPStatus, detail: str) -> dict:
    """The members of RFC 9457; the type is the status code's own."""
    return {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}


def respond(problem: Problem) -> Response:
    return make_response(problem.to_dict(), problem.headers)


def make_response(body: dict, headers: dict[str, str]) -> Response:
    text = json.dumps(body)
    return Response(text, body["status"], headers, content_type="application/problem+json")


def respond_to_failure(error: ContractError) -> Response:
    return respond(to_problem(error))


def respond_to_http(error: HTTPException) -> Response:
    """Flask's own refusals: 404, 405, 413 and others."""
    status = HTTPStatus(error.code or 500)
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return make_response(describe(status, describe_http(status, error)), headers)


def describe_http(status: HTTPStatus, error: HTTPException) -> str:
    """For a route that is not there, where to find those that are, unless it was said already."""
    there = {HTTPStatus.NOT_FOUND: "there is nothing at", HTTPStatus.METHOD_NOT_ALLOWED: f"no {request.method} at"}
    if status in there and error.description == type(error).description:
        return f"{there[status]} {request.path}; {request.script_root}/docs has every route"
    return error.description or status.phrase


def respond_to_validation(error: ValidationError) -> Response:
    """A query or path that the schema refuses."""
    places = [(".".join(map(str, each["loc"])), each) for each in error.errors()]
    wrong = [f"{place}={each['input']}: {each['msg']}" if place else each["msg"] for place, each in places]
    return respond(BadRequest("; ".join(wrong)))


def respond_to_unknown(error: Exception) -> Response:
    return respond(ServerError(error))


def register(app: Flask) -> None:
    app.register_error_handler(Problem, respond)
    app.register_error_handler(ContractError, respond_to_failure)
    app.register_error_handler(HTTPException, respond_to_http)
    app.register_error_handler(Exception, respond_to_unknown)
