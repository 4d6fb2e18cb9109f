"""What is there and whether it is well."""

from flask import Blueprint

from gateway.problems import Overloaded
from gateway.routes.analysis import triton

blueprint = Blueprint("status", __name__)


@blueprint.get("/v1/models")
def list_models() -> dict:
    return {"models": [model.to_dict() for model in triton().catalog().models.values()]}


@blueprint.get("/healthz")
def is_alive() -> dict:
    """The process answers; nothing else is asked."""
    return {"status": "alive"}


@blueprint.get("/readyz")
def is_ready() -> dict:
    """Triton and the ensemble are ready."""
    if not triton().is_ready():
        raise Overloaded("the inference server is not ready")
    return {"status": "ready"}
