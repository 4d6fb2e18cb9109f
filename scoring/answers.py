"""From Triton's tensors, or its refusal, to the columns of a row."""

from collections.abc import Sequence

from contract.answer import Tensors, read_size
from contract.card import Card
from contract.failure import AnalyzeError, BadPhoto
from scoring.schema import ErrorKind
from scoring.tasks import Row, read_cells


def describe_answer(answer: Tensors | AnalyzeError, cards: Sequence[Card], min_score: float | None) -> Row:
    """Size and every model's columns, or `error`."""
    if isinstance(answer, AnalyzeError):
        return {"error": describe_failure(answer)}
    width, height = read_size(answer)
    row: Row = {"width": width, "height": height}
    for card in cards:
        try:
            cells = read_cells(card, cards, answer, min_score)
        except (LookupError, ValueError) as error:
            row.setdefault("error", f"{ErrorKind.MODEL}: {card.name}'s answer does not fit its card: {error}")
            continue
        if cells is None:
            row.setdefault("error", f"{ErrorKind.MODEL}: {card.name} gave NaN or infinity")
        row |= cells or {}
    return row


def describe_failure(error: AnalyzeError) -> str:
    if isinstance(error, BadPhoto):
        return f"{ErrorKind.PICTURE}: {error}"
    return f"{ErrorKind.SERVICE}: {error.code.name}: {error}"
