"""The app factory: `gunicorn -c python:gateway.gunicorn_config 'gateway.app:create_app()'`."""

from flask import Flask
from flask_cors import CORS

from gateway import documents, keys, lifecycle, metrics, problems
from gateway.archive import create_archive
from gateway.batching import Batcher
from gateway.cache import AnswerCache
from gateway.documents import create_documented_app
from gateway.routes import analysis, page, status
from gateway.settings import Settings, read_settings
from gateway.triton import TritonClient

EXPOSED_HEADERS = ["Server-Timing", "X-Request-ID", "Retry-After"]


def create_app(settings: Settings | None = None, triton: TritonClient | None = None) -> Flask:
    """The gateway; nothing is opened before the first request."""
    settings = settings or read_settings()
    app = create_documented_app()
    app.config["SETTINGS"] = settings
    client = triton or TritonClient(settings.triton_url, settings.request_seconds)
    app.config["TRITON"] = client
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes
    app.extensions["batcher"] = Batcher(client, settings.max_concurrent, settings.max_waiting, settings.queue_seconds)
    app.extensions["cache"] = AnswerCache(settings.cache_bytes, settings.cache_seconds)
    app.extensions["archive"] = create_archive(settings)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    lifecycle.set_up_logs(settings)
    lifecycle.register(app, settings)
    metrics.register(app)
    problems.register(app)
    keys.protect(app, [analysis.blueprint, status.models], settings)
    if settings.cors_origins:
        CORS(app, origins=list(settings.cors_origins), expose_headers=EXPOSED_HEADERS, max_age=600)
    for api in (analysis.blueprint, status.models, status.health):
        app.register_api(api)
    for pages in (documents.blueprint, page.blueprint):
        app.register_blueprint(pages)
    return app
