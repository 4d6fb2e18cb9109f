"""The tasks that the dataset knows: which columns a model fills, and with what. One row of the table per task."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa

from contract.answer import (
    Classification,
    Detections,
    Embedding,
    Result,
    Sentence,
    Tensors,
    is_finite,
    read_main,
    read_result,
)
from contract.card import Card
from contract.tasks import Task
from scoring.errors import UsageError

OBJECT = pa.struct([("label", pa.string())] + [(name, pa.float32()) for name in ("score", "x", "y", "width", "height")])
Row = dict[str, Any]


@dataclass(frozen=True)
class Columns:
    """`types`: suffix of each column's name and its type; `cells`: their values, from a result and `--min-score`."""

    types: Callable[[Card], dict[str, pa.DataType]]
    cells: Callable[[Any, float | None], tuple[Any, ...]]


def classification_cells(result: Classification, _: float | None) -> tuple[float]:
    return (result.positive,)


def caption_cells(result: Sentence, _: float | None) -> tuple[str, float]:
    return result.text, result.score


def detection_cells(result: Detections, min_score: float | None) -> tuple[list[Row]]:
    objects = []
    for found in result.keep(min_score):
        x1, y1, x2, y2 = found.box
        box = {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
        objects.append({"label": found.label, "score": found.score} | box)
    return (objects,)


def embedding_cells(result: Embedding, _: float | None) -> tuple[list[float]]:
    return (result.values.tolist(),)


TASKS = {
    Task.CLASSIFICATION: Columns(lambda card: {"": pa.float32()}, classification_cells),
    Task.CAPTION: Columns(lambda card: {"": pa.string(), "_score": pa.float32()}, caption_cells),
    Task.DETECTION: Columns(lambda card: {"": pa.list_(OBJECT)}, detection_cells),
    # Parquet's writer takes no null in lists of a fixed size (pyarrow 23), and a broken photo has no embedding.
    Task.EMBEDDING: Columns(lambda card: {"": pa.list_(pa.float32())}, embedding_cells),
}


def list_columns(card: Card, cards: Iterable[Card] = ()) -> list[tuple[str, pa.DataType]]:
    """The columns that the model fills. A detector's objects have `attributes` of those `cards` that look at its boxes.

    Raises:
        UsageError: its task is none of the table's.
    """
    if card.task not in TASKS:
        raise UsageError(
            f"{card.name} has task {str(card.task)!r}, which bulk scoring does not know; name others (--outputs)"
        )
    columns = [(card.name + suffix, kind) for suffix, kind in TASKS[card.task].types(card).items()]
    looking = [column for each in list_looking(card, cards) for column in list_columns(each)]
    if not looking:
        return columns
    (name, objects) = columns[0]
    return [(name, pa.list_(pa.struct([*objects.value_type, ("attributes", pa.struct(looking))])))]


def list_looking(detector: Card, cards: Iterable[Card]) -> list[Card]:
    """The models that look at a detector's boxes."""
    return [card for card in cards if card.region and card.region.of == detector.name]


def read_cells(card: Card, cards: Sequence[Card], tensors: Tensors, min_score: float | None) -> Row | None:
    """The model's cells of a photo; None where the network gave NaN or infinity.

    A model that looks at boxes says in its column what it says about the largest, null without one.
    """
    used = [card, *(each for each in cards if card.region and each.name == card.region.of)]
    if not all(is_finite(each, tensors) for each in used):
        return None
    cells = fill(card, read_main(card, tensors, cards), min_score)
    for each in list_looking(card, cards):
        looked = cast("list[Any]", read_result(each, tensors)) if is_finite(each, tensors) else []
        kept = cast(Detections, read_result(card, tensors)).keep(min_score)
        for cell, box in zip(cells[card.name], kept, strict=True):
            result = looked[box.index] if box.index < len(looked) else None
            cell.setdefault("attributes", {}).update(fill(each, result, min_score))
    return cells


def fill(card: Card, result: Result | None, min_score: float | None) -> Row:
    """The model's columns with what it says; nulls where it says nothing."""
    names = [name for name, _ in list_columns(card)]
    return (
        dict.fromkeys(names)
        if result is None
        else dict(zip(names, TASKS[card.task].cells(result, min_score), strict=True))
    )
