"""The app factory: `gunicorn -c python:gateway.gunicorn_config 'gateway.app:create_app()'`."""

from flask import Flask
from flask_cors import CORS

from gateway import documents, problems
from gateway.documents import create_documented_app
from gateway.operations import (
    access_log,
    admission,
    metrics,
    proxies,
    request_context,
    security_headers,
    tracing,
    unread_body,
)
from gateway.routes import analysis, page, status
from gateway.services import EXTENSION, create_services
from gateway.settings import Settings, read_settings
from gateway.triton import TritonClient

EXPOSED_HEADERS = ["Server-Timing", "X-Request-ID", "Retry-After"]


def create_app(settings: Settings | None = None, triton: TritonClient | None = None) -> Flask:
    """The gateway; nothing is opened before the first request."""
    settings = settings or read_settings()
    app = create_documented_app(bool(settings.api_keys))
    app.extensions[EXTENSION] = create_services(settings, triton)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    access_log.set_up(settings.log_format)
    for hooks in (tracing, request_context, access_log, metrics, problems, security_headers):
        hooks.register(app)
    unread_body.register(app, settings.max_upload_bytes)
    admission.register(app, [analysis.blueprint, status.models], settings)
    if settings.cors_origins:
        CORS(app, origins=list(settings.cors_origins), expose_headers=EXPOSED_HEADERS, max_age=600)
    proxies.register(app, settings.trusted_proxies)
    for api in (analysis.blueprint, status.models, status.health):
        app.register_api(api)
    for pages in (documents.blueprint, page.blueprint):
        app.register_blueprint(pages)
    return app
