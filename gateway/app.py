"""The app factory: `gunicorn 'gateway.app:create_app()'`."""

from flask import Flask

from gateway import problems
from gateway.routes import analysis, status
from gateway.settings import Settings, read_settings
from gateway.triton import TritonClient


def create_app(settings: Settings | None = None, triton: TritonClient | None = None) -> Flask:
    """The gateway; nothing is opened before the first request."""
    settings = settings or read_settings()
    app = Flask(__name__, static_folder=None)
    app.config["SETTINGS"] = settings
    app.config["TRITON"] = triton or TritonClient(settings.triton_url, settings.request_seconds)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    problems.register(app)
    for module in (analysis, status):
        app.register_blueprint(module.blueprint)
    return app
