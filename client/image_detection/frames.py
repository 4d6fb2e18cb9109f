"""Results as pandas frames: one row per photo, or one per box."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import pandas

from image_detection.answers import Attribute, FoundObject, Result

PHOTO, OUTCOME = ("name", "width", "height"), ("error", "seconds")
BOX = ("name", "model", "label", "score", "x", "y", "width", "height")
INTEGER = "Int64"  # pandas' own, in which a number may be missing


def to_frame(results: Iterable[Result]) -> pandas.DataFrame:
    """One row per photo: name, width, height; by model a classifier's probability of each label, a captioner's
    sentence, a detector's number of boxes, also of each label, and embeddings; error, seconds.

    Pixels and numbers of boxes are `Int64`. What is not known of a photo is missing: of one that failed, all but the
    error."""
    results = list(results)
    frame = make_frame([to_row(result) for result in results], PHOTO, OUTCOME)
    frame = frame.astype({"width": INTEGER, "height": INTEGER, "seconds": float})
    for detector in dict.fromkeys(chain.from_iterable(result.objects for result in results)):
        counts = [column for column in frame.columns if column.startswith(f"{detector}: ")]
        frame = frame.astype(dict.fromkeys([detector, *counts], INTEGER))
        looked = frame[detector].notna()
        frame.loc[looked, counts] = frame.loc[looked, counts].fillna(0)
    return frame


def to_box_frame(results: Iterable[Result]) -> pandas.DataFrame:
    """One row per box of every detector: the photo's name; model, label, score; x, y, width, height in pixels of the
    upright photo; and what other models say about the box, as in `to_frame`."""
    boxes = [
        to_box_row(result.name, detector, found)
        for result in results
        for detector, objects in result.objects.items()
        for found in objects
    ]
    return make_frame(boxes, BOX)


def make_frame(rows: Sequence[dict[str, Any]], first: Iterable[str], last: Iterable[str] = ()) -> pandas.DataFrame:
    """Columns of the models stand between `first` and `last`, which are there without rows too."""
    found = dict.fromkeys(chain.from_iterable(rows))
    models = [column for column in found if column not in {*first, *last}]
    return pandas.DataFrame(rows, columns=[*first, *models, *last])


def to_row(result: Result) -> dict[str, Any]:
    if result.error is not None:
        return {"name": result.name, "error": result.error}
    row: dict[str, Any] = {"name": result.name, "width": result.width, "height": result.height}
    row |= list_probabilities(result.attributes)
    row |= {name: caption.text for name, caption in result.captions.items()}
    for name, objects in result.objects.items():
        row[name] = len(objects)
        row |= {f"{name}: {label}": count for label, count in Counter(found.label for found in objects).items()}
    return row | result.embeddings | {"error": None, "seconds": result.seconds}


def to_box_row(photo: str, detector: str, found: FoundObject) -> dict[str, Any]:
    row = dict(zip(BOX, (photo, detector, found.label, found.score, *found.box), strict=True))
    return row | list_probabilities(found.attributes) | found.embeddings


def list_probabilities(attributes: Mapping[str, Attribute | None]) -> dict[str, float]:
    """A column per label of each classifier that looked."""
    return {
        f"{name}: {label}": probability
        for name, attribute in attributes.items()
        if attribute
        for label, probability in attribute.probabilities.items()
    }
