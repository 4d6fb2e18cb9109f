"""Which models a request asks for, and which objects its answer has."""

from contract.card import Card
from contract.failure import UnknownModel
from contract.tasks import Task
from gateway.answers import ObjectFilter
from gateway.problems import BadRequest, NoSuchModel
from gateway.schemas import Filters, Selection
from gateway.services import services


def find_card(name: str) -> Card:
    """The model of that name. Raises NoSuchModel, which lists those that are."""
    try:
        (card,) = services().triton.catalog().select([name])
    except UnknownModel as error:
        raise NoSuchModel(str(error)) from None
    return card


def select_models(query: Selection) -> list[Card]:
    """The models that a query names, with the detectors that they need; none where it names none."""
    catalog = services().triton.catalog()
    names = None if query.features is None else [name for text in query.features for name in split(text)]
    return catalog.with_detectors(catalog.select(names))


def make_filter(query: Filters, cards: list[Card]) -> ObjectFilter:
    """The query's filter; the settings stand in for what it leaves out.

    Raises:
        BadRequest: no detector knows a label; lists those that are known.
    """
    known = {label for card in cards if card.task is Task.DETECTION for label in card.labels}
    labels = list_labels(query.labels, known)
    if unknown := sorted((labels or set()) - known):
        accepted = "; ".join(sorted(known)) or "none"
        raise BadRequest(f"no object is labelled {unknown[0]!r}; accepted are {accepted}")
    most = services().settings.max_objects if query.max_objects is None else query.max_objects
    return ObjectFilter(query.min_score, most, labels)


def list_labels(texts: list[str] | None, known: set[str]) -> frozenset[str] | None:
    """Each text is a label, which may hold commas, or several with commas between; None when not given."""
    if texts is None:
        return None
    return frozenset(label for text in texts for label in ([text] if text in known else split(text)))


def split(text: str) -> list[str]:
    """`a, b` as a list."""
    return [name.strip() for name in text.split(",") if name.strip()]
