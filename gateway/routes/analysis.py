"""Photos in, answers out."""

import time
from collections.abc import Callable
from http import HTTPStatus

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint

from contract.answer import Classification, Tensors
from contract.card import Card, list_outputs
from contract.failure import AnalyzeError, UnknownModel
from contract.tasks import Task
from gateway.answers import (
    ObjectFilter,
    add_detectors,
    describe_photo,
    find_not_finite,
    list_found,
    positive_probability,
    read_main,
)
from gateway.documents import BODY, SECURITY, problems_of
from gateway.drawing import FORMATS, annotate
from gateway.operations import metrics
from gateway.operations.admission import receiving_body, require_key
from gateway.operations.batching import PendingRequest
from gateway.operations.request_context import context, measured
from gateway.problems import BadRequest, NoSuchModel, NotAcceptable, NotFinite, Problem, to_problem
from gateway.schemas import PHOTOS, Answer, ClassicAnswer, Filters, ModelPath, Selection
from gateway.services import services
from gateway.triton import Outcome
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
    catalog = services().triton.catalog()
    classifiers = [card for card in catalog.select() if card.task is Task.CLASSIFICATION]
    cards = add_detectors(classifiers, catalog)
    (row,) = infer([upload], cards)
    if isinstance(row, Problem):
        raise row
    found = {card.name: read_main(card, row, cards) for card in classifiers}
    metrics.count_found([(name, result.label) for name, result in found.items() if isinstance(result, Classification)])
    probabilities = {f"prob_{name}": positive_probability(result) for name, result in found.items()}
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
    cards = select(query)
    return answer(receive(), cards, query)


@blueprint.post("/v1/models/<name>", responses={200: Answer, **problems_of(404)}, openapi_extensions=BODY)
def analyze_with(path: ModelPath, query: Filters) -> dict:
    """What one model sees in each photo"""
    cards = [find_card(path.name)]
    return answer(receive(), add_detectors(cards, services().triton.catalog()), query)


@blueprint.post(
    "/v1/annotate",
    responses={200: {"content": {name: {"schema": {"type": "string", "format": "binary"}} for name in FORMATS}}}
    | problems_of(406),
    openapi_extensions=BODY,
)
def draw(query: Selection) -> Response:
    """The photo with boxes, labels and captions drawn on it, as JPEG or PNG, whichever `Accept` says"""
    mimetype = request.accept_mimetypes.best_match(list(FORMATS)) if request.accept_mimetypes else "image/jpeg"
    if mimetype is None:
        raise NotAcceptable(f"accepted are {', '.join(FORMATS)}")
    cards = select(query)
    uploads = receive()
    if len(uploads) > 1:
        raise BadRequest(f"{len(uploads)} photos; one is accepted here")
    (photo,) = answer(uploads, cards, query)["images"]
    with measured("drawing"):
        return Response(annotate(uploads[0].data, photo, cards, mimetype), mimetype=mimetype)


def find_card(name: str) -> Card:
    """The model of that name. Raises NoSuchModel, which lists those that are."""
    try:
        (card,) = services().triton.catalog().select([name])
    except UnknownModel as error:
        raise NoSuchModel(str(error)) from None
    return card


def select(query: Selection) -> list[Card]:
    """The models that a query names, with the detectors that they need."""
    catalog = services().triton.catalog()
    return add_detectors(catalog.select(split(query.features)), catalog)


def receive() -> list[Upload]:
    """The request's photos."""
    with receiving_body():
        return read_uploads(request, services().settings)


def answer(uploads: list[Upload], cards: list[Card], query: Filters) -> dict:
    """What the models of `cards` see in each photo."""
    shown = make_filter(query, cards)
    images = []
    for upload, result in zip(uploads, infer(uploads, cards), strict=True):
        if isinstance(result, Problem):
            images.append({"filename": upload.filename, "problem": result.to_dict()})
            continue
        photo = describe_photo(upload.filename, result, cards, shown)
        metrics.count_found(list_found(photo, cards))
        keep(upload, photo)
        images.append(photo)
    return {"images": images, "models": {card.name: card.version for card in cards}}


def infer(uploads: list[Upload], cards: list[Card]) -> list[Tensors | Problem]:
    """Triton's tensors for each photo, or the problem of those that failed alone.

    Raises:
        Problem: there is one photo and it failed, or the service failed them all.
    """
    outputs = list_outputs(cards)
    # A catalog that was read anew may stand for other models.
    asked = (services().triton.catalog(), *outputs)
    outcomes = services().cache.complete([upload.data for upload in uploads], asked, ask_for(outputs))
    results = [judge(outcome, cards) for outcome in outcomes]
    failed = [result for result in results if isinstance(result, Problem)]
    context().log |= {"photos": len(results), "failed": len(failed)}
    if len(failed) == len(results) and (len(results) == 1 or failed[0].status >= HTTPStatus.INTERNAL_SERVER_ERROR):
        raise failed[0]
    return results


def ask_for(outputs: list[str]) -> Callable[[list[bytes]], list[Outcome]]:
    """A call that has Triton look at images, perhaps along with other requests' images."""
    here, seconds = context(), services().settings.request_seconds
    metadata = (("traceparent", here.traceparent),)

    def ask(images: list[bytes]) -> list[Outcome]:
        started = time.monotonic()
        pending = PendingRequest(images, outputs, started + seconds, metadata, no_batching=here.is_sampled)
        try:
            return services().batcher.run(pending)
        finally:
            ended = time.monotonic()
            here.timings["queue"] = (pending.sent or ended) - started
            if pending.sent:
                here.timings["inference"] = ended - pending.sent

    return ask


def judge(outcome: Outcome, cards: list[Card]) -> Tensors | Problem:
    """The tensors of a photo where they can be answered with."""
    if isinstance(outcome, AnalyzeError):
        return to_problem(outcome)
    model = find_not_finite(outcome, cards)
    return NotFinite(model) if model else outcome


def make_filter(query: Filters, cards: list[Card]) -> ObjectFilter:
    """The query's filter; the settings stand in for what it leaves out.

    Raises:
        BadRequest: no detector knows a label; lists those that are known.
    """
    labels = split(query.labels)
    known = {label for card in cards if card.task is Task.DETECTION for label in card.labels}
    for label in labels or []:
        if label not in known:
            raise BadRequest(f"no object is labelled {label!r}; accepted are {', '.join(sorted(known)) or 'none'}")
    most = services().settings.max_objects if query.max_objects is None else query.max_objects
    return ObjectFilter(query.min_score, most, None if labels is None else frozenset(labels))


def keep(upload: Upload, photo: dict) -> None:
    """Store an accepted picture, if the service was told to. A full disk must not fail the request."""
    archive = services().archive
    if archive is None:
        return
    try:
        archive.keep(upload, photo)
    except OSError as error:
        current_app.logger.error("request %s: the upload was not kept: %s", context().request_id, error)


def split(text: str | None) -> list[str] | None:
    """`a, b` as a list; None when not given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
