"""How far the distribution of every output moved between two runs."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from contract.tasks import Task
from report.caption import count_words
from report.dataset import Run
from report.detection import count_labels, count_photos, kept_labels
from report.embedding import read_vectors
from report.errors import ReportError
from report.options import Options
from report.statistics import Floats, Stability, kolmogorov_smirnov, mean_shift, stability, stability_of_counts

STABLE, SHIFTED = 0.1, 0.25
CATEGORIES = 30
DRIFT = ["output", "mean_before", "mean_after", "psi", "psi_by_chance", "ks", "verdict"]
SHIFTS = ["output", "photos_before", "photos_after", "distance", "distance_by_chance"]

Rows = Iterator[list[object]]


def shared_models(new: Run, old: Run) -> list[str]:
    """The models of both whose columns mean the same. Raises ReportError if there are none."""
    shared = [
        name
        for name, model in new.models.items()
        if (other := old.models.get(name))
        and (model.task, model.positive, new.types[name]) == (other.task, other.positive, old.types[name])
    ]
    if not shared:
        have = (
            f"{run.folder} has {', '.join(model.describe() for model in run.models.values())}" for run in (new, old)
        )
        raise ReportError(f"--compare: the two runs share no outputs: {'; '.join(have)}")
    return shared


def measure_drift(new: Run, old: Run, options: Options) -> pd.DataFrame:
    """The table DRIFT, from `old` to `new`."""
    rows = [
        row
        for name in shared_models(new, old)
        if (measure := MEASURES.get(Task(new.models[name].task)))
        for row in measure(old, new, name, options.min_score)
    ]
    return pd.DataFrame(rows, columns=DRIFT)


def measure_shifts(new: Run, old: Run) -> pd.DataFrame:
    """The table SHIFTS: how far the mean of each embedding moved from `old` to `new`."""
    rows: list[list[object]] = []
    for name in set(shared_models(new, old)) & set(new.names(Task.EMBEDDING)):
        before, after = (read_vectors(run, name)[1] for run in (old, new))
        rows.append([name, len(before), len(after), *mean_shift(before, after)])
    return pd.DataFrame(sorted(rows), columns=SHIFTS)


def classification_rows(old: Run, new: Run, name: str, _: float) -> Rows:
    yield numbers_row(name, *(read_numbers(run, run.column(name)) for run in (old, new)))


def caption_rows(old: Run, new: Run, name: str, _: float) -> Rows:
    score = f"{name}_score"
    yield numbers_row(f"{name} score", *(read_numbers(run, run.column(score)) for run in (old, new)))
    counts = [count_words(run, name).set_index("word")["photos"] for run in (old, new)]
    yield from categories_rows(f"words of {name}", counts, (count_photos(old, name), count_photos(new, name)))


def detection_rows(old: Run, new: Run, name: str, min_score: float) -> Rows:
    numbers = [read_numbers(run, f"len({kept_labels(run, name)})", min_score=min_score) for run in (old, new)]
    yield numbers_row(f"{name} per photo", *numbers)
    counts = [count_labels(run, name, min_score).set_index("label")["boxes"] for run in (old, new)]
    yield from categories_rows(f"labels of {name}", counts, (count_photos(old, name), count_photos(new, name)))


MEASURES: dict[Task, Callable[[Run, Run, str, float], Rows]] = {
    Task.CLASSIFICATION: classification_rows,
    Task.CAPTION: caption_rows,
    Task.DETECTION: detection_rows,
}


def read_numbers(run: Run, expression: str, **values: object) -> Floats:
    """The finite values of an expression, one per photo."""
    numbers = run.query(f"SELECT ({expression})::DOUBLE AS number FROM {run.photos}", **values)["number"].to_numpy()
    return numbers[np.isfinite(numbers)]


def numbers_row(output: str, before: Floats, after: Floats) -> list[object]:
    moved = stability(before, after)
    means = [float(each.mean()) if len(each) else np.nan for each in (before, after)]
    return [output, *means, *moved, kolmogorov_smirnov(before, after), verdict(moved)]


def categories_rows(output: str, counts: list[pd.Series], sizes: tuple[int, int]) -> Rows:
    """Over the most frequent categories of both, and the rest as one. `sizes`: photos on both sides."""
    if not all(len(each) for each in counts):
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
