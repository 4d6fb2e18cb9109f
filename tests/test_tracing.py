"""One trace from the upload to every step, at a collector on loopback."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from flask import Flask
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.operations.tracing import ENDPOINT, register
from gateway.settings import SettingsError
from tests.serving_process import ROOT, ServingProcess

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SECONDS, TRIES = 10, 3  # Triton drops spans that it cannot send in time
# The step `regions` asks networks that look at boxes by itself; their time is in its span.
STEPS = {"POST /v1/analyze", "analyze", "preprocess", "faces", "postprocess_detection", "regions"}


@dataclass(frozen=True)
class Span:
    """The ids are hexadecimal."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str


def read_protobuf(body: bytes) -> list[Span]:
    """As the gateway sends spans."""
    sent = ExportTraceServiceRequest.FromString(body)
    return [
        Span(span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
        for each in sent.resource_spans
        for scope in each.scope_spans
        for span in scope.spans
    ]


def read_json(body: bytes) -> list[Span]:
    """As Triton sends them."""
    return [
        Span(span["name"], span["traceId"], span["spanId"], span.get("parentSpanId", ""))
        for each in json.loads(body)["resourceSpans"]
        for scope in each["scopeSpans"]
        for span in scope["spans"]
    ]


class Collector(ThreadingHTTPServer):
    """Keeps the spans that are sent to /v1/traces."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.spans: list[Span] = []
        self.news = threading.Condition()

    def wait_for(self, names: set[str]) -> list[Span]:
        """The spans of TRACE, once these names are among them."""
        with self.news:
            self.news.wait_for(lambda: names <= {span.name for span in self.find()}, SECONDS)
            return self.find()

    def find(self) -> list[Span]:
        return [span for span in self.spans if span.trace_id == TRACE]


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        read = read_json if "json" in self.headers["Content-Type"] else read_protobuf
        with self.server.news:
            self.server.spans += read(body)
            self.server.news.notify_all()
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Not to the tests' output."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        yield collector
        collector.shutdown()


def test_one_trace_goes_from_the_upload_to_every_step(collector, sample_photo):
    url = f"http://127.0.0.1:{collector.server_address[1]}"
    config = ["mode=opentelemetry", "level=TIMESTAMPS", "rate=0", f"opentelemetry,url={url}/v1/traces"]
    environment = {ENDPOINT: url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    flags = [word for each in config for word in ("--trace-config", each)]
    with ServingProcess(["--probe-interval=0", "--", *flags], environment) as serving:
        headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        address = f"{serving.urls['Gateway']}/v1/analyze?features=smiling"
        for number in range(TRIES):  # another photo each time, as the gateway remembers those that it has seen
            photo = sample_photo + bytes([number])
            assert httpx.post(address, files={"file": photo}, headers=headers).status_code == 200
            spans = collector.wait_for(STEPS)
            if {span.name for span in spans} >= STEPS:
                break
    by_id = {span.span_id: span for span in spans}
    assert {span.name for span in spans} >= STEPS

    def ancestors(span: Span) -> list[str]:
        parent = by_id.get(span.parent_id)
        return [parent.name, *ancestors(parent)] if parent else []

    for span in spans:
        assert span.name == "POST /v1/analyze" or ancestors(span)[-1] == "POST /v1/analyze"


def test_nothing_is_imported_when_off(monkeypatch):
    monkeypatch.delenv(ENDPOINT, raising=False)
    code = (
        "import sys; from gateway.app import create_app; create_app(); print([m for m in sys.modules if 'telem' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_missing_packages_are_told(monkeypatch):
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(SettingsError, match=r"pip install -r requirements/tracing\.txt"):
        register(Flask("app"))
