"""What accompanies every request: its id, trace, deadline, turn, timings, log line and headers."""

import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, current_app, g, has_app_context, request

from gateway.batching import Batcher
from gateway.patience import Patience
from gateway.problems import Overloaded
from gateway.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("gateway.access")
PIECE_BYTES = 1 << 20
ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
TRACEPARENT = re.compile(r"00-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})")

# The page and the documents bring all that they need; answers are data and load nothing.
SECURITY_HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'self'; object-src 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]


def register(app: Flask, settings: Settings) -> None:
    """Have `app` treat every request alike."""
    app.extensions["patience"] = Patience(settings.upload_seconds)
    app.before_request(begin)
    app.after_request(finish)
    app.wsgi_app = secure(app.wsgi_app)  # type: ignore[assignment, method-assign]


@dataclass
class Visit:
    """What is known of the request at hand: `started` in seconds of the monotonic clock, `timings` in seconds by name,
    `log` the further members of its log line."""

    request_id: str
    traceparent: str
    started: float
    timings: dict[str, float] = field(default_factory=dict)
    log: dict[str, Any] = field(default_factory=dict)


def begin() -> None:
    """Note the id, the trace and the start."""
    headers = request.headers
    given = headers.get("X-Request-ID", "")
    g.visit = Visit(
        given if ID.fullmatch(given) else secrets.token_hex(16),
        continue_trace(headers.get("traceparent", "")),
        time.monotonic(),
    )


def visit() -> Visit:
    """The one of the request at hand."""
    found: Visit = g.visit
    return found


def continue_trace(given: str) -> str:
    """A W3C traceparent with our own parent id, of the client's trace where it sent a good one."""
    match = TRACEPARENT.fullmatch(given)
    trace, flags = (match["trace"], match["flags"]) if match else (secrets.token_hex(16), "00")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"


def is_sampled(traceparent: str) -> bool:
    """Whether somebody records the trace."""
    return int(traceparent[-2:], 16) & 1 == 1


@contextmanager
def measured(name: str) -> Iterator[None]:
    """Add the time of the block to the request's timings."""
    started = time.monotonic()
    try:
        yield
    finally:
        timings = visit().timings
        timings[name] = timings.get(name, 0.0) + time.monotonic() - started


@contextmanager
def arrival() -> Iterator[None]:
    """Measure the arrival of the request's body, and limit its time.

    Raises:
        Overloaded: nobody may wait for a turn any more. The body is thrown away.
    """
    patience: Patience = current_app.extensions["patience"]
    batcher: Batcher = current_app.extensions["batcher"]
    with measured("upload"), patience.limited(request.environ.get("gunicorn.socket")):
        if batcher.is_full():
            # gunicorn would read what is left in small pieces, and in the thread that serves all connections.
            while request.stream.read(PIECE_BYTES):
                continue
            raise Overloaded("all places are taken; try again soon")
        yield


def finish(response: Response) -> Response:
    """The request's id and timings in its answer, and its one log line."""
    here = visit()
    response.headers["X-Request-ID"] = here.request_id
    if here.timings:
        timings = [f"{name};dur={seconds * 1000:.1f}" for name, seconds in here.timings.items()]
        response.headers["Server-Timing"] = ", ".join(timings)
    write_log(here, response)
    return response


def write_log(here: Visit, response: Response) -> None:
    line = {
        "request_id": here.request_id,
        "trace": here.traceparent[3:35],
        "client": request.remote_addr,
        "key": g.get("key_name"),
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "bytes": request.content_length or 0,
        "milliseconds": round((time.monotonic() - here.started) * 1000, 1),
    }
    line |= {name: round(seconds * 1000, 1) for name, seconds in here.timings.items()}
    line |= here.log
    log.info("%(method)s %(path)s %(status)s %(milliseconds)s ms %(request_id)s", line)


def secure(application: "WSGIApplication") -> "WSGIApplication":
    """`application` with the security headers in each of its answers that does not have its own."""

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            own = {name for name, _ in headers}
            missing = [header for header in SECURITY_HEADERS if header[0] not in own]
            return start_response(status, headers + missing, *error)

        return application(environ, start)

    return respond


class JsonLines(logging.Formatter):
    """One JSON object per log record; a request's line has its parts as members."""

    def format(self, record: logging.LogRecord) -> str:
        parts = record.args if isinstance(record.args, dict) else {}
        line = {"time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), "level": record.levelname.lower()}
        request_id = visit().request_id if has_app_context() and "visit" in g else None
        line |= parts or {"request_id": request_id, "message": record.getMessage()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up_logs(settings: Settings) -> None:
    """Log lines of the gateway to stderr, as text or as JSON."""
    # No line tells threads and processes, so that logging need not look for them each time.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonLines() if settings.log_format == "json" else text)
    logger = logging.getLogger("gateway")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
