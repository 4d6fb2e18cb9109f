"""How far the distribution of every output moved between two runs."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from contract.tasks import Task
from report.caption import count_words
from report.dataset import Run
from report.detection import count_labels
from report.embedding import read_vectors
from report.statistics import Floats, Stability, kolmogorov_smirnov, mean_shift, stability, stability_of_counts

STABLE, SHIFTED = 0.1, 0.25
CATEGORIES = 30
DRIFT = ["output", "mean_before", "mean_after", "psi", "psi_by_chance", "ks", "verdict"]
SHIFTS = ["embedding", "photos_before", "photos_after", "distance", "distance_by_chance"]

Rows = Iterator[list[object]]


def measure_drift(new: Run, old: Run, names: list[str]) -> pd.DataFrame:
    """The table DRIFT, from `old` to `new`."""
    rows = [row for name in names if (measure := MEASURES.get(new.cards[name].task)) for row in measure(old, new, name)]
    return pd.DataFrame(rows, columns=DRIFT)


def measure_shifts(new: Run, old: Run, names: list[str]) -> pd.DataFrame:
    """The table SHIFTS: how far the mean of each embedding moved from `old` to `new`."""
    rows: list[list[object]] = []
    for name in names:
        if new.cards[name].task == Task.EMBEDDING:
            before, after = (read_vectors(run, name)[1] for run in (old, new))
            rows.append([name, len(before), len(after), *mean_shift(before, after)])
    return pd.DataFrame(rows, columns=SHIFTS)


def classification_rows(old: Run, new: Run, name: str) -> Rows:
    yield numbers_row(name, *(read_numbers(run, run.column(name)) for run in (old, new)))


def caption_rows(old: Run, new: Run, name: str) -> Rows:
    yield numbers_row(f"{name} score", *(read_numbers(run, run.column(f"{name}_score")) for run in (old, new)))
    counts = [count_words(run, name).set_index("word")["photos"] for run in (old, new)]
    yield from categories_rows(f"words of {name}", counts, count_answers(old, new, name))


def detection_rows(old: Run, new: Run, name: str) -> Rows:
    yield numbers_row(f"{name} per photo", *(read_numbers(run, f"len({run.labels(name)})") for run in (old, new)))
    counts = [count_labels(run, name).set_index("label")["boxes"] for run in (old, new)]
    yield from categories_rows(f"labels of {name}", counts, count_answers(old, new, name))


# Embeddings have a table of their own.
MEASURES: dict[Task, Callable[[Run, Run, str], Rows]] = {
    Task.CLASSIFICATION: classification_rows,
    Task.CAPTION: caption_rows,
    Task.DETECTION: detection_rows,
}


def read_numbers(run: Run, expression: str) -> Floats:
    """The finite values of an expression, one per photo."""
    numbers = run.query(f"SELECT ({expression})::DOUBLE AS number FROM {run.photos}")["number"].to_numpy()
    return numbers[np.isfinite(numbers)]


def count_answers(old: Run, new: Run, name: str) -> list[int]:
    """Photos with an answer in both runs."""
    return [run.row(f"SELECT count({run.column(name)}) FROM {run.photos}")[0] for run in (old, new)]


def numbers_row(output: str, before: Floats, after: Floats) -> list[object]:
    moved = stability(before, after)
    means = [float(each.mean()) if len(each) else np.nan for each in (before, after)]
    return [output, *means, *moved, kolmogorov_smirnov(before, after), verdict(moved)]


def categories_rows(output: str, counts: list[pd.Series], sizes: list[int]) -> Rows:
    """Over the most frequent categories of both, and the rest as one. `sizes`: photos on both sides."""
    if any(each.empty for each in counts):
        return
    both = pd.concat(counts, axis=1).fillna(0).astype(np.int64).to_numpy()
    both = both[np.argsort(-both.sum(axis=1), kind="stable")]
    before, after = np.vstack([both[:CATEGORIES], both[CATEGORIES:].sum(axis=0)]).T
    moved = stability_of_counts(before, after, sizes)
    yield [output, np.nan, np.nan, *moved, np.nan, verdict(moved)]


def verdict(moved: Stability) -> str:
    if not np.isfinite(moved.psi):
        return "nothing to compare"
    if moved.psi < STABLE:
        return "stable"
    if moved.psi <= moved.chance:
        return "within chance"
    return "some drift" if moved.psi <= SHIFTED else "shifted"
