"""What is there and whether it is well."""

from urllib.request import urlopen

from flask import Response
from flask_openapi import APIBlueprint
from werkzeug.exceptions import NotFound

from contract.request import FILE_TYPES
from gateway.documents import OPEN, problems_of
from gateway.operations.admission import require_key
from gateway.operations.metrics import write_metrics
from gateway.problems import Overloaded
from gateway.schemas import MODELS, STATUS, ModelCard, ModelCards, ModelPath, NoParameters, Status
from gateway.selection import find_card
from gateway.services import services

PROMETHEUS = "text/plain; version=0.0.4"
METRICS_SECONDS = 5.0

models = APIBlueprint("models", __name__, abp_tags=[MODELS], abp_responses=problems_of(401, 429, 500, 503))
models.before_request(require_key)
health = APIBlueprint("health", __name__, abp_tags=[STATUS])


@models.get("/v1/models", operation_id="listModels", responses={200: ModelCards})
def list_models(query: NoParameters) -> dict:
    """The models that are served"""
    cards = services().triton.catalog().cards.values()
    return {"models": [card.to_dict() for card in cards], "file_types": sorted(FILE_TYPES)}


@models.get("/v1/models/<name>", operation_id="showModel", responses={200: ModelCard, **problems_of(400, 404)})
def show_model(path: ModelPath, query: NoParameters) -> dict:
    """One model: task, labels, version, geometry, checksum"""
    return find_card(path.name).to_dict()


@models.get("/metrics", doc_ui=False)
def show_metrics() -> Response:
    """Prometheus' text format."""
    return Response(write_metrics(), mimetype=PROMETHEUS)


@models.get("/metrics/triton", doc_ui=False)
def show_triton_metrics() -> Response:
    """Triton's own, which is not to be reached from elsewhere."""
    url = services().settings.triton_metrics_url
    if not url:
        raise NotFound("TRITON_METRICS_URL is not set")
    try:
        with urlopen(url, timeout=METRICS_SECONDS) as answer:
            return Response(answer.read(), mimetype=PROMETHEUS)
    except OSError:
        raise Overloaded("the inference server does not tell its metrics") from None


@health.get("/healthz", operation_id="isAlive", responses={200: Status}, openapi_extensions=OPEN)
def is_alive() -> dict:
    """The process answers; nothing else is asked"""
    return {"status": "alive"}


@health.get("/readyz", operation_id="isReady", responses={200: Status, **problems_of(503)}, openapi_extensions=OPEN)
def is_ready() -> dict:
    """Triton and the ensemble are ready"""
    if not services().triton.is_ready():
        raise Overloaded("the inference server is not ready")
    return {"status": "ready"}
