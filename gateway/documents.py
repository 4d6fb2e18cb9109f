"""What the OpenAPI document says beside the routes' own types, and the page that shows it."""

from http import HTTPStatus
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, current_app, send_from_directory
from flask_openapi3 import APIBlueprint, Info, OpenAPI

from gateway.problems import respond_to_validation
from gateway.schemas import Photo, ProblemDetails
from gateway.uploads import FIELD

INFO = Info(
    title="Image detection",
    version="1.0.0",
    description="Send a photo, get back what is in it: attributes, a sentence, objects with their boxes, embeddings.",
)
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
# Keys are optional: the empty requirement stands for a service without keys.
SECURITY: list[dict[str, list]] = [{}, {"bearer": []}, {"key": []}]

BINARY = {"type": "string", "format": "binary"}
MULTIPART = {
    "type": "object",
    "properties": {FIELD: {"type": "array", "items": BINARY, "minItems": 1}},
    "required": [FIELD],
}
JSON = {
    "type": "object",
    "properties": {"images": {"type": "array", "items": Photo.model_json_schema(), "minItems": 1}},
    "required": ["images"],
}
# The three ways to send photos.
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": MULTIPART},
            "image/*": {"schema": BINARY},
            "application/json": {"schema": JSON},
        },
    }
}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Image detection: API</title>
<rapi-doc spec-url="openapi.json" load-fonts="false" regular-font="system-ui, sans-serif"
  mono-font="ui-monospace, monospace" theme="light" primary-color="#3b49df" render-style="view" show-header="false"
  schema-style="table"
  allow-server-selection="false" sort-endpoints-by="none"></rapi-doc>
<script src="docs/rapidoc-min.js"></script>
</html>
"""
# RapiDoc writes its styles into the page.
PAGE_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'none'; "
    "base-uri 'none'; object-src 'none'"
)

blueprint = Blueprint("documents", __name__)


class DocumentedApp(OpenAPI):
    """Lets two blueprints serve one path with different methods, of which flask-openapi3 documents the last alone."""

    def register_api(self, api: APIBlueprint, **options: Any) -> None:
        for path in self.paths.keys() & api.paths.keys():
            for method in self.paths[path].model_fields_set:
                setattr(api.paths[path], method, getattr(self.paths[path], method))
        super().register_api(api, **options)

    def ensure_sync(self, func: Any) -> Any:
        """Nothing here is asynchronous; Flask would look at every hook and view each time it calls them."""
        return func


def create_documented_app() -> OpenAPI:
    """A Flask app that collects the OpenAPI document from its routes."""
    return DocumentedApp(
        "gateway",
        info=INFO,
        security_schemes=SECURITY_SCHEMES,
        validation_error_status=400,
        validation_error_model=ProblemDetails,
        validation_error_callback=respond_to_validation,
        doc_ui=False,
        static_folder=None,
    )


def problems_of(*codes: int) -> dict[Any, Any]:
    """Responses of the OpenAPI document for these status codes."""
    schema = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
    return {
        str(code): {
            "description": HTTPStatus(code).phrase,
            "content": {"application/problem+json": {"schema": schema}},
        }
        for code in codes
    }


@blueprint.get("/openapi.json")
def show_document() -> dict:
    return current_app.api_doc  # type: ignore[attr-defined]


@blueprint.get("/docs")
def show_page() -> Response:
    return Response(PAGE, headers={"Content-Security-Policy": PAGE_POLICY}, mimetype="text/html")


@blueprint.get("/docs/rapidoc-min.js")
def send_script() -> Response:
    folder = files("flask_openapi3_rapidoc") / "templates" / "rapidoc" / "js"
    return send_from_directory(str(folder), "rapidoc-min.js", max_age=86400)
