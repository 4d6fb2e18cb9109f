"""The page for people with a browser. Everything it needs lies in `gateway/page`."""

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

FOLDER = Path(__file__).parents[1] / "page"

blueprint = Blueprint("page", __name__)


@blueprint.get("/")
def show_page() -> Response:
    return send_from_directory(FOLDER, "index.html", max_age=0)


@blueprint.get("/page/<path:name>")
def send_file(name: str) -> Response:
    """Browsers ask again each time and get 304 when nothing changed."""
    return send_from_directory(FOLDER, name, max_age=0)
