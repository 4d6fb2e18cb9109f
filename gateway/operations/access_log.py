"""Log lines to stderr, as text or as JSON: one per request, the gateway's own, and gunicorn's."""

import json
import logging
import time
from typing import Any

from flask import Flask, Response, g, request
from gunicorn.glogging import Logger

from gateway.operations.request_context import context, find_request_id
from gateway.settings import read_settings

# Asked for every few seconds by machines.
PROBES = frozenset({"/healthz", "/readyz", "/metrics", "/metrics/triton"})
log = logging.getLogger("gateway.access")


def register(app: Flask) -> None:
    """Have every request of `app` leave a line."""
    app.after_request(write_line)


def write_line(response: Response) -> Response:
    here = context()
    line = {
        "request_id": here.request_id,
        "trace": here.trace_id,
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
    level = logging.DEBUG if request.path in PROBES else logging.INFO
    log.log(level, "%(method)s %(path)s %(status)s %(milliseconds)s ms %(request_id)s", line)
    return response


class JsonLines(logging.Formatter):
    """One JSON object per record; a request's line has its parts as members."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")}
        line["level"] = record.levelname.lower()
        if isinstance(record.args, dict) and record.name == log.name:
            line |= record.args
        else:
            line |= {"request_id": find_request_id(), "message": record.getMessage()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class GunicornLogger(Logger):
    """gunicorn's `logger_class`: its lines have the format of the gateway's."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        if read_settings().log_format == "json":
            for handler in (*self.error_log.handlers, *self.access_log.handlers):
                handler.setFormatter(JsonLines())


def set_up(log_format: str) -> None:
    """`log_format`: text or json."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonLines() if log_format == "json" else text)
    logger = logging.getLogger("gateway")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
