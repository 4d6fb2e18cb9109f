"""The pages for people with a browser. What they need lies in `gateway/page`; the viewer of the API brings its own."""

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

FOLDER = Path(__file__).parents[1] / "page"

blueprint = Blueprint("page", __name__)


@blueprint.get("/")
def show_page() -> Response:
    return send_from_directory(FOLDER, "index.html", max_age=0)


@blueprint.get("/docs")
def show_docs() -> Response:
    return send_from_directory(FOLDER, "docs.html", max_age=0)


@blueprint.get("/page/<path:name>")
def send_file(name: str) -> Response:
    """Browsers ask again each time and get 304 when nothing changed."""
    return send_from_directory(FOLDER, name, max_age=0)
