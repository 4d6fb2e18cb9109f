"""The tasks that the dataset knows: which columns a model fills, and with what. One row of the table per task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa

from contract.answer import (
    Classification,
    Detections,
    Embedding,
    Sentence,
    Tensors,
    is_finite,
    read_result,
)
from contract.card import Card, Catalog
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
    Task.EMBEDDING: Columns(lambda card: {"": pa.list_(pa.float32(), card.size or -1)}, embedding_cells),
}


def list_columns(card: Card) -> list[tuple[str, pa.DataType]]:
    """The columns that the model fills; a list of them, box by box, for one that looks at a detector's boxes.

    Raises:
        UsageError: its task is none of the table's.
    """
    if card.task not in TASKS:
        raise UsageError(
            f"{card.name} has task {card.task!r}, which bulk scoring does not know; name others (--outputs)"
        )
    types = TASKS[card.task].types(card)
    return [(card.name + suffix, pa.list_(each) if card.region else each) for suffix, each in types.items()]


def read_cells(card: Card, catalog: Catalog, tensors: Tensors, min_score: float | None) -> Row | None:
    """The model's cells of a photo; None where the network gave NaN or infinity.

    Of a model that looks at boxes: one cell per box that its detector's column has, null where it did not look.
    """
    if not is_finite(card, tensors):
        return None
    names, task = [name for name, _ in list_columns(card)], TASKS[card.task]
    if card.region is None:
        return dict(zip(names, task.cells(read_result(card, tensors), min_score), strict=True))
    boxes = cast(Detections, read_result(catalog.cards[card.region.of], tensors))
    looked = cast("list[Any]", read_result(card, tensors))
    results = [looked[box.index] if box.index < len(looked) else None for box in boxes.keep(min_score)]
    rows = [(None,) * len(names) if result is None else task.cells(result, min_score) for result in results]
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}
