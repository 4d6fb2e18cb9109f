"""What the OpenAPI document says beside the routes' own types, and the viewer of it."""

from http import HTTPStatus
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, current_app, request, send_from_directory
from flask_openapi import APIBlueprint, Info, OpenAPI

from gateway.problems import describe, respond_to_validation
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
# Of every route, where the service has keys; and of a route that asks for none.
SECURITY: list[dict[str, list]] = [{"bearer": []}, {"key": []}]
OPEN: dict[str, Any] = {"security": []}

DETAIL = "what is wrong with the request, and what is accepted"  # in the examples of problems

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
    "required": True,
    "content": {
        "multipart/form-data": {"schema": MULTIPART},
        "image/*": {"schema": BINARY},
        "application/json": {"schema": JSON},
    },
}

blueprint = Blueprint("documents", __name__)


class DocumentedApp(OpenAPI):
    """Lets two blueprints serve one path with different methods, of which flask-openapi documents the last alone."""

    def register_api(self, api: APIBlueprint, **options: Any) -> None:
        for path in self.paths.keys() & api.paths.keys():
            for method in self.paths[path].model_fields_set:
                setattr(api.paths[path], method, getattr(self.paths[path], method))
        super().register_api(api, **options)

    def ensure_sync(self, func: Any) -> Any:
        """Nothing here is asynchronous; Flask would look at every hook and view each time it calls them."""
        return func


def create_documented_app(has_keys: bool) -> OpenAPI:
    """A Flask app that collects the OpenAPI document from its routes; with `has_keys` they ask for a key."""
    app = DocumentedApp(
        "gateway",
        info=INFO,
        security_schemes=SECURITY_SCHEMES if has_keys else None,
        openapi_extensions={"security": SECURITY} if has_keys else {},
        validation_error_status=400,
        validation_error_model=ProblemDetails,
        validation_error_callback=respond_to_validation,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = "3.1.0"  # which generators of clients read
    return app


def problems_of(*codes: int) -> dict[Any, Any]:
    """Responses of the OpenAPI document for these status codes."""
    schema = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
    return {
        str(code): {
            "description": HTTPStatus(code).phrase,
            "content": {"application/problem+json": {"schema": schema, "example": describe(HTTPStatus(code), DETAIL)}},
        }
        for code in codes
    }


@blueprint.get("/openapi.json")
def show_document() -> dict:
    """Its server is the one it came from; under a path prefix the routes begin with it."""
    document: dict = current_app.api_doc  # type: ignore[attr-defined]
    return document | {"servers": [{"url": request.script_root or "/"}]}


@blueprint.get("/docs/<name>")
def send_viewer(name: str) -> Response:
    """Swagger UI's own files."""
    kind = "css" if name.endswith(".css") else "js"
    folder = files("flask_openapi_swagger") / "templates" / "swagger" / kind
    return send_from_directory(str(folder), name, max_age=86400)
