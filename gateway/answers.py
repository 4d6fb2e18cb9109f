"""From Triton's tensors to the JSON that clients get: one row of `TASKS` per task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
    read_size,
)
from contract.card import Card
from contract.failure import UnknownTask
from contract.tasks import Task

# Pairs of model and label.
Found = list[tuple[str, str]]


@dataclass(frozen=True)
class ObjectFilter:
    """Which objects an answer has: of `labels` (None for all) and at least `min_score` (None for the model's own), the
    best `max_objects` of each detector."""

    min_score: float | None
    max_objects: int
    labels: frozenset[str] | None = None


@dataclass(frozen=True)
class TaskAnswer:
    """How the models of a task stand in the answer for a photo: under the model's name, in `section` if there is one.

    `describe`: result to JSON. `list_labels`: the labels that such JSON says were found, for metrics.
    """

    section: str | None
    describe: Callable[[Any, ObjectFilter], Any]
    list_labels: Callable[[Any], list[str]]


def describe_photo(filename: str | None, row: Tensors, cards: Sequence[Card], shown: ObjectFilter) -> dict:
    """The answer for one photo.

    Raises:
        UnknownTask: names a model whose task has no row in `TASKS`.
    """
    width, height = read_size(row)
    photo: dict = {"filename": filename, "width": width, "height": height}
    for card in cards:
        task = find_task(card)
        place = photo.setdefault(task.section, {}) if task.section else photo
        result = read_main(card, row, cards)
        place[card.name] = None if result is None else task.describe(result, shown)
    for card in cards:
        if card.region:
            describe_regions(card, row, photo[card.region.of], shown)
    return remove_indices(photo, cards)


def describe_regions(card: Card, row: Tensors, objects: list[dict], shown: ObjectFilter) -> None:
    """Write what a model with a region says about each of a detector's `objects` into them; null where it did not
    look."""
    task, results = find_task(card), read_result(card, row)
    assert isinstance(results, list)
    for each in objects:
        result = results[each["index"]] if each["index"] < len(results) else None
        each.setdefault(task.section, {})[card.name] = None if result is None else task.describe(result, shown)


def remove_indices(photo: dict, cards: Sequence[Card]) -> dict:
    """Without the objects' rows in the tensors, which are nobody's business outside."""
    for card in cards:
        if card.task is Task.DETECTION:
            for each in photo[card.name]:
                del each["index"]
    return photo


def list_found(photo: dict, cards: Sequence[Card]) -> Found:
    """What an answer says was found."""
    found: Found = []
    for card in cards:
        task = find_task(card)
        described = (photo.get(task.section, {}) if task.section else photo).get(card.name)
        if described is not None:
            found += [(card.name, label) for label in task.list_labels(described)]
    return found


def find_not_finite(row: Tensors, cards: Sequence[Card]) -> str | None:
    """Name of the first model that gave NaN or infinity, which JSON does not know."""
    return next((card.name for card in cards if not is_finite(card, row)), None)


def describe_classification(result: Classification, _: ObjectFilter) -> dict:
    by_label = dict(zip(result.card.labels, map(round_float, result.probabilities.tolist()), strict=True))
    return {"label": result.label, "probability": by_label[result.label], "probabilities": by_label}


def describe_sentence(result: Sentence, _: ObjectFilter) -> dict:
    return {"text": result.text, "score": round_float(result.score)}


def describe_detections(result: Detections, shown: ObjectFilter) -> list[dict]:
    """`index`: the row in the tensors, until regions are described."""
    kept = result.keep(shown.min_score, shown.max_objects, shown.labels)
    return [
        {"label": each.label, "score": round_float(each.score), "box": describe_box(each.box), "index": each.index}
        for each in kept
    ]


def describe_box(xyxy: tuple[float, float, float, float]) -> dict:
    """Pixels of the upright photo."""
    left, top, right, bottom = xyxy
    sides = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return {name: round(value, 1) for name, value in sides.items()}


def describe_embedding(result: Embedding, _: ObjectFilter) -> list[float]:
    """Six significant digits: as many as float32 has."""
    return [float(f"{value:.6g}") for value in result.values.tolist()]


def positive_probability(result: Result | None) -> float:
    """The one number that stands for a classifier; a photo without a box to look at does not show it."""
    return round_float(result.positive) if isinstance(result, Classification) else 0.0


def round_float(value: float) -> float:
    """Six decimals: more would only be noise of float32."""
    return round(value, 6)


TASKS: dict[Task, TaskAnswer] = {
    Task.CLASSIFICATION: TaskAnswer("attributes", describe_classification, lambda described: [described["label"]]),
    Task.CAPTION: TaskAnswer(None, describe_sentence, lambda described: []),
    Task.DETECTION: TaskAnswer(None, describe_detections, lambda described: [each["label"] for each in described]),
    Task.EMBEDDING: TaskAnswer("embeddings", describe_embedding, lambda described: []),
}


def find_task(card: Card) -> TaskAnswer:
    """Raises UnknownTask where the gateway has no row for the model's task."""
    if card.task not in TASKS:
        raise UnknownTask(card.name, card.task.value)
    return TASKS[card.task]
