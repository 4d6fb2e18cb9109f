"""Photos in, answers out."""

from flask import Blueprint, Request, current_app, request

from gateway.answers import SIZE, Filter, describe_image, positive_probability
from gateway.catalog import Model
from gateway.problems import BadRequest, Problem
from gateway.settings import Settings
from gateway.triton import Tensors, TritonClient
from gateway.uploads import read_uploads

blueprint = Blueprint("analysis", __name__)


@blueprint.route("/", methods=["POST", "PUT"])
def classify() -> dict[str, float]:
    """`prob_<name>` of every classifier for the first file."""
    upload = read_uploads(request, settings().max_files)[0]
    classifiers = triton().catalog().classifiers()
    tensors = require(triton().analyze([upload.data], [model.name for model in classifiers])[0])
    return {f"prob_{model.name}": positive_probability(model, tensors[model.name]) for model in classifiers}


@blueprint.post("/v1/analyze")
def analyze() -> dict:
    """Everything that the models see in each file; a bad file among several fails alone, in its place."""
    filter = read_filter(request)
    models = triton().catalog().select(read_features(request))
    uploads = read_uploads(request, settings().max_files)
    outputs = [SIZE, *(output for model in models for output in model.outputs)]
    results = triton().analyze([upload.data for upload in uploads], outputs)
    if len(results) == 1:
        require(results[0])
    images = [
        describe_result(upload.filename, result, models, filter)
        for upload, result in zip(uploads, results, strict=True)
    ]
    return {"images": images, "models": {model.name: model.version for model in models}}


def describe_result(filename: str | None, result: Tensors | Problem, models: list[Model], filter: Filter) -> dict:
    if isinstance(result, Problem):
        return {"filename": filename, "problem": result.to_dict()}
    return describe_image(filename, result, models, filter)


def require(result: Tensors | Problem) -> Tensors:
    if isinstance(result, Problem):
        raise result
    return result


def read_features(request: Request) -> list[str] | None:
    """`features=smiling,caption`; None when not given."""
    text = request.args.get("features")
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def read_filter(request: Request) -> Filter:
    """`min_score` in [0,1] and `max_objects` from 0."""
    score = read_number(request, "min_score", float, settings().min_score, 1)
    return Filter(score, read_number(request, "max_objects", int, settings().max_objects, 300))


def read_number(request: Request, name: str, kind: type, default: float, highest: float):
    text = request.args.get(name)
    if text is None:
        return default
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not 0 <= value <= highest:
        raise BadRequest(f"{name}={text}: a number from 0 to {highest} is accepted")
    return value


def settings() -> Settings:
    return current_app.config["SETTINGS"]


def triton() -> TritonClient:
    return current_app.config["TRITON"]
