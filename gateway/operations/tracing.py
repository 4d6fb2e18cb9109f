"""Traces by OpenTelemetry's own instrumentation of Flask and gRPC, where OTEL_EXPORTER_OTLP_ENDPOINT is set.

Without it nothing is imported. The other OTEL_ variables (sampler, service name, headers) are the SDK's own.
"""

import os

from flask import Flask

from gateway.settings import SettingsError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROBES = "healthz,readyz,metrics"


def register(app: Flask) -> None:
    """Have every request of `app` be a span, and every call to Triton one below it; before other hooks.

    Raises:
        SettingsError: traces are wanted, and the packages are not there.
    """
    if not os.environ.get(ENDPOINT):
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.flask import FlaskInstrumentor
        from opentelemetry.instrumentation.grpc import GrpcInstrumentorClient
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsError(f"{ENDPOINT} is set: pip install -r requirements/tracing.txt ({error.name})") from None
    os.environ.setdefault("OTEL_SERVICE_NAME", "image-detection-gateway")
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    GrpcInstrumentorClient().instrument()
    FlaskInstrumentor().instrument_app(app, excluded_urls=PROBES)


def find_traceparent() -> str:
    """The W3C traceparent of the request's span; empty where there are no traces."""
    if not os.environ.get(ENDPOINT):
        return ""
    from opentelemetry.propagate import inject

    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get("traceparent", "")
