"""Prometheus metrics of the gateway; with several workers their sums, by prometheus_client's multiprocess mode."""

import os
import time
from functools import cache
from typing import Any

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.registry import REGISTRY

from gateway.answers import Found
from gateway.operations.request_context import context

SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BYTES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000)

REQUESTS = Counter("gateway_requests_total", "Requests", ["method", "route", "status"])
TOTAL_SECONDS = Histogram("gateway_request_seconds", "Time from the request to its answer", ["route"], buckets=SECONDS)
TRITON_SECONDS = Histogram("gateway_triton_seconds", "Part of it that Triton took", ["route"], buckets=SECONDS)
OWN_SECONDS = Histogram(
    "gateway_own_seconds", "Part of it that the gateway took, upload and queue included", ["route"], buckets=SECONDS
)
IN_FLIGHT = Gauge("gateway_in_flight", "Requests being answered", multiprocess_mode="livesum")
UPLOADED = Histogram("gateway_upload_bytes", "Size of request bodies", buckets=BYTES)
FOUND = Counter("gateway_found_total", "Photos per classifier's label, and objects per label", ["model", "label"])


def register(app: Flask) -> None:
    """Count every request of `app`."""
    app.before_request(IN_FLIGHT.inc)
    app.after_request(count)


def count(response: Response) -> Response:
    rule, here = request.url_rule, context()
    # What no route takes is counted together: its methods are whatever clients think of.
    route, method = (rule.rule, request.method) if rule else ("none", "any")
    total = time.monotonic() - here.started
    find(REQUESTS, method, route, response.status_code).inc()
    find(TOTAL_SECONDS, route).observe(total)
    if "inference" in here.timings:
        find(TRITON_SECONDS, route).observe(here.timings["inference"])
        find(OWN_SECONDS, route).observe(total - here.timings["inference"])
        UPLOADED.observe(request.content_length or 0)
    IN_FLIGHT.dec()
    return response


@cache
def find(metric: Any, *labels: object) -> Any:
    """The counter or histogram of these labels; prometheus_client takes a lock and makes texts of them to find it."""
    return metric.labels(*labels)


def count_found(found: Found) -> None:
    """`found`: pairs of model and label."""
    for model, label in found:
        find(FOUND, model, label).inc()


def write_metrics() -> bytes:
    """Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
