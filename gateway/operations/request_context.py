"""What is known of a request while it is answered: its id, its trace, its start and its timings."""

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, g, has_app_context, request

from gateway.operations.tracing import find_traceparent

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = re.compile(r"00-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})")


@dataclass
class RequestContext:
    """`started`: seconds of the monotonic clock. `timings`: seconds by name. `log`: further members of its log line."""

    request_id: str
    traceparent: str
    started: float
    timings: dict[str, float] = field(default_factory=dict)
    log: dict[str, Any] = field(default_factory=dict)

    @property
    def trace_id(self) -> str:
        return self.traceparent.split("-")[1]

    @property
    def is_sampled(self) -> bool:
        """Whether somebody records the trace."""
        return int(self.traceparent[-2:], 16) & 1 == 1


def register(app: Flask) -> None:
    """Have every request of `app` begin with a context and end with its headers."""
    app.before_request(begin)
    app.after_request(add_headers)


def begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    traceparent = find_traceparent() or continue_trace(request.headers.get("traceparent", ""))
    g.context = RequestContext(request_id, traceparent, time.monotonic())


def context() -> RequestContext:
    """The one of the request at hand."""
    found: RequestContext = g.context
    return found


def find_request_id() -> str | None:
    """The id of the request at hand, None outside of requests."""
    return context().request_id if has_app_context() and "context" in g else None


def continue_trace(given: str) -> str:
    """A W3C traceparent with our own parent id, of the client's trace where it sent a good one."""
    match = TRACEPARENT.fullmatch(given)
    trace, flags = (match["trace"], match["flags"]) if match else (secrets.token_hex(16), "00")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"


@contextmanager
def measured(name: str) -> Iterator[None]:
    """Add the time of the block to the request's timings."""
    started = time.monotonic()
    try:
        yield
    finally:
        timings = context().timings
        timings[name] = timings.get(name, 0.0) + time.monotonic() - started


def add_headers(response: Response) -> Response:
    here = context()
    response.headers["X-Request-ID"] = here.request_id
    if here.timings:
        timings = [f"{name};dur={seconds * 1000:.1f}" for name, seconds in here.timings.items()]
        response.headers["Server-Timing"] = ", ".join(timings)
    return response
