"""Scores that tests report at the end of the run, by pytest's `record_property`; conftest.py prints them."""

from collections.abc import Callable, Sequence

import numpy as np

HEADINGS = ("checkpoint", "photos", "what", "score")
SCORE = "score"
Record = Callable[[str, object], None]


def add_classifier(record: Record, checkpoint: str, label: str, probabilities: np.ndarray, truth: np.ndarray) -> None:
    """Accuracy at 0.5 and area under the ROC curve of one label's probabilities [N] against the truth, bool [N]."""
    accuracy = np.mean((probabilities > 0.5) == truth)
    add(record, checkpoint, len(truth), f"{label}: accuracy at 0.5", accuracy)
    add(record, checkpoint, len(truth), f"{label}: area under the ROC curve", area_under_curve(probabilities, truth))


def add(record: Record, checkpoint: str, photos: int, what: str, score: float) -> None:
    record(SCORE, (checkpoint, str(photos), what, f"{score:.3f}"))


def area_under_curve(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Share of pairs, one true and one false, in which the true one has the higher probability; ties count half."""
    differences = probabilities[truth][:, None] - probabilities[~truth][None]
    return float(np.mean((differences > 0) + 0.5 * (differences == 0)))


def lay_out(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of the table, empty where no test has scored anything."""
    table = [HEADINGS, *rows] if rows else []
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))] if table else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
