"""Photos in, answers out."""

from flask import Response, current_app, request
from flask_openapi import APIBlueprint

from contract.answer import Classification, read_main
from contract.card import Card
from contract.tasks import Task
from gateway.answers import describe_photo, list_found, positive_probability
from gateway.documents import BODY, problems_of
from gateway.drawing import FORMATS, annotate
from gateway.inference import infer
from gateway.operations import metrics
from gateway.operations.admission import receiving_body, require_key
from gateway.operations.request_context import context, measured
from gateway.problems import BadRequest, NotAcceptable, Problem
from gateway.schemas import PHOTOS, Answer, ClassicAnswer, Filters, ModelPath, NoParameters, Selection
from gateway.selection import find_card, make_filter, select_models
from gateway.services import services
from gateway.uploads import Upload, read_uploads

blueprint = APIBlueprint(
    "analysis",
    __name__,
    abp_tags=[PHOTOS],
    abp_responses=problems_of(400, 401, 408, 413, 415, 422, 429, 500, 503, 504),
)
blueprint.before_request(require_key)
REPEATED = ("features", "labels")  # parameters that may be given more than once


@blueprint.post("/", operation_id="classify", responses={200: ClassicAnswer}, request_body=BODY)
@blueprint.put("/", operation_id="classifyByPut", responses={200: ClassicAnswer}, request_body=BODY)
def classify(query: NoParameters) -> dict[str, float]:
    """The short answer about one photo: a probability per classifier"""
    upload = receive_one()
    catalog = services().triton.catalog()
    classifiers = [card for card in catalog.select() if card.task is Task.CLASSIFICATION]
    cards = catalog.with_detectors(classifiers)
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
    operation_id="analyze",
    description="A photo among several that cannot be read fails alone: its place in `images` holds a `problem`.",
    responses={200: Answer},
    request_body=BODY,
)
def analyze(query: Selection) -> dict:
    """Everything that the models see in each photo"""
    cards = select_models(query)
    return answer(receive(), cards, query)


@blueprint.post(
    "/v1/models/<name>",
    operation_id="analyzeWithModel",
    responses={200: Answer, **problems_of(404)},
    request_body=BODY,
)
def analyze_with(path: ModelPath, query: Filters) -> dict:
    """What one model sees in each photo"""
    cards = [find_card(path.name)]
    return answer(receive(), services().triton.catalog().with_detectors(cards), query)


@blueprint.post(
    "/v1/annotate",
    operation_id="annotate",
    responses={200: {"content": {name: {"schema": {"type": "string", "format": "binary"}} for name in FORMATS}}}
    | problems_of(406),
    request_body=BODY,
)
def draw(query: Selection) -> Response:
    """The photo with boxes, labels and captions drawn on it, as JPEG or PNG, whichever `Accept` says"""
    mimetype = request.accept_mimetypes.best_match(list(FORMATS)) if request.accept_mimetypes else "image/jpeg"
    if mimetype is None:
        raise NotAcceptable(f"accepted are {', '.join(FORMATS)}")
    cards = select_models(query)
    upload = receive_one()
    (photo,) = answer([upload], cards, query)["images"]
    with measured("drawing"):
        return Response(annotate(upload.data, photo, cards, mimetype), mimetype=mimetype)


@blueprint.before_request
def refuse_repeats() -> None:
    """Of a number that is given twice one would be dropped."""
    for name, values in request.args.lists():
        if len(values) > 1 and name not in REPEATED:
            raise BadRequest(f"{name} is given {len(values)} times; once is accepted")


def receive() -> list[Upload]:
    """The request's photos."""
    with receiving_body():
        return read_uploads(request, services().settings)


def receive_one() -> Upload:
    """The request's photo, where a second one would have no place in the answer."""
    uploads = receive()
    if len(uploads) > 1:
        raise BadRequest(f"{len(uploads)} photos; one is accepted here, /v1/analyze takes several")
    return uploads[0]


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


def keep(upload: Upload, photo: dict) -> None:
    """Store an accepted picture, if the settings ask for it. A full disk must not fail the request."""
    archive = services().archive
    if archive is None:
        return
    try:
        archive.keep(upload, photo)
    except OSError as error:
        current_app.logger.error("request %s: the upload was not kept: %s", context().request_id, error)
