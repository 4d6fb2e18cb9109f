"""Photos in, answers out."""

import time
from http import HTTPStatus

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint

from gateway import metrics
from gateway.answers import SIZE, Filter, describe_result, list_found, list_likeliest, positive_probability
from gateway.archive import Archive
from gateway.batching import Ask, Batcher
from gateway.cache import AnswerCache
from gateway.catalog import Catalog, Model
from gateway.documents import BODY, SECURITY, problems_of
from gateway.drawing import FORMATS, annotate
from gateway.keys import require_key
from gateway.lifecycle import arrival, is_sampled, measured, visit
from gateway.problems import BadRequest, NotAcceptable, Problem
from gateway.schemas import PHOTOS, Answer, ClassicAnswer, Filters, ModelPath, Selection
from gateway.settings import Settings
from gateway.triton import Tensors, TritonClient
from gateway.uploads import Upload, read_uploads

blueprint = APIBlueprint(
    "analysis",
    __name__,
    abp_tags=[PHOTOS],
    abp_security=SECURITY,
    abp_responses=problems_of(400, 401, 408, 413, 415, 422, 429, 500, 503, 504),
)
blueprint.before_request(require_key)


@blueprint.post("/", responses={200: ClassicAnswer}, openapi_extensions=BODY)
@blueprint.put("/", responses={200: ClassicAnswer}, openapi_extensions=BODY)
def classify() -> dict[str, float]:
    """The short answer: one probability per classifier, for the first photo"""
    upload = receive()[0]
    classifiers = catalog().classifiers()
    (tensors,) = infer([upload], [model.name for model in classifiers])
    if isinstance(tensors, Problem):
        raise tensors
    metrics.count_found(list_likeliest(tensors, classifiers))
    probabilities = {f"prob_{model.name}": positive_probability(model, tensors[model.name]) for model in classifiers}
    keep(upload, probabilities)
    return probabilities


@blueprint.post(
    "/v1/analyze",
    description="A photo among several that cannot be read fails alone: its place in `images` holds a `problem`.",
    responses={200: Answer},
    openapi_extensions=BODY,
)
def analyze(query: Selection) -> dict:
    """Everything that the models see in each photo"""
    models = catalog().select(split(query.features))
    return answer(receive(), models, query)


@blueprint.post("/v1/models/<name>", responses={200: Answer, **problems_of(404)}, openapi_extensions=BODY)
def analyze_with(path: ModelPath, query: Filters) -> dict:
    """What one model sees in each photo"""
    model = catalog().find(path.name)
    return answer(receive(), [model], query)


@blueprint.post(
    "/v1/annotate",
    responses={200: {"content": {name: {"schema": {"type": "string", "format": "binary"}} for name in FORMATS}}}
    | problems_of(406),
    openapi_extensions=BODY,
)
def draw(query: Selection) -> Response:
    """The photo with boxes, labels and caption drawn on it, as JPEG or PNG, whichever `Accept` says"""
    mimetype = request.accept_mimetypes.best_match(list(FORMATS)) if request.accept_mimetypes else "image/jpeg"
    if mimetype is None:
        raise NotAcceptable(f"accepted are {', '.join(FORMATS)}")
    models = catalog().select(split(query.features))
    uploads = receive()
    if len(uploads) > 1:
        raise BadRequest(f"{len(uploads)} photos; one is accepted here")
    (image,) = answer(uploads, models, query)["images"]
    with measured("drawing"):
        return Response(annotate(uploads[0].data, image, mimetype), mimetype=mimetype)


def answer(uploads: list[Upload], models: list[Model], query: Filters) -> dict:
    """What `models` see in each photo."""
    filter = make_filter(query, models)
    outputs = [SIZE, *(output for model in models for output in model.outputs)]
    results = infer(uploads, outputs)
    images = []
    for upload, result in zip(uploads, results, strict=True):
        image = describe_result(upload.filename, result, models, filter)
        metrics.count_found(list_found(image, models))
        keep(upload, image)
        images.append(image)
    return {"images": images, "models": {model.name: model.version for model in models}}


def receive() -> list[Upload]:
    """The request's photos."""
    with arrival():
        return read_uploads(request, settings())


def infer(uploads: list[Upload], outputs: list[str]) -> list[Tensors | Problem]:
    """Triton's tensors for each photo, or the problem of those that failed alone.

    Raises:
        Problem: there is one photo and it failed, or the service failed them all.
    """
    cache: AnswerCache = current_app.extensions["cache"]

    def ask(images: list[bytes]) -> list[Tensors | Problem]:
        return ask_triton(images, outputs)

    # A catalog that was read anew may stand for other models.
    results = cache.complete([upload.data for upload in uploads], (catalog(), *outputs), ask)
    failed = [result for result in results if isinstance(result, Problem)]
    visit().log |= {"photos": len(results), "failed": len(failed)}
    if len(failed) == len(results) and (len(results) == 1 or failed[0].status >= HTTPStatus.INTERNAL_SERVER_ERROR):
        raise failed[0]
    return results


def ask_triton(images: list[bytes], outputs: list[str]) -> list[Tensors | Problem]:
    """The images' turn at Triton, perhaps along with other requests' images."""
    batcher: Batcher = current_app.extensions["batcher"]
    here, started = visit(), time.monotonic()
    metadata = (("traceparent", here.traceparent),)
    ask = Ask(images, outputs, started + settings().request_seconds, metadata, alone=is_sampled(here.traceparent))
    try:
        batcher.run(ask)
    finally:
        ended = time.monotonic()
        here.timings["queue"] = (ask.began or ended) - started
        if ask.began:
            here.timings["inference"] = ended - ask.began
    return ask.results


def make_filter(query: Filters, models: list[Model]) -> Filter:
    """The query's filter; the settings stand in for what it leaves out."""
    labels = split(query.labels)
    known = {label for model in models if model.task == "detection" for label in model.labels}
    for label in labels or []:
        if label not in known:
            raise BadRequest(f"no object is labelled {label!r}; accepted are {', '.join(sorted(known)) or 'none'}")
    standard = settings()
    score = standard.min_score if query.min_score is None else query.min_score
    most = standard.max_objects if query.max_objects is None else query.max_objects
    return Filter(score, most, None if labels is None else frozenset(labels))


def keep(upload: Upload, image: dict) -> None:
    """Store an accepted picture, if the service was told to. A full disk must not fail the request."""
    archive: Archive | None = current_app.extensions["archive"]
    if archive is None or "problem" in image:
        return
    try:
        archive.keep(upload, image)
    except OSError as error:
        current_app.logger.error("request %s: the upload was not kept: %s", visit().request_id, error)


def split(text: str | None) -> list[str] | None:
    """`a, b` as a list; None when not given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def settings() -> Settings:
    return current_app.config["SETTINGS"]


def catalog() -> Catalog:
    client: TritonClient = current_app.config["TRITON"]
    return client.catalog()
