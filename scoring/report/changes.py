"""What two runs answered on the same photos: how a new version of a model is judged against the old."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from scoring.report.dataset import Run
from scoring.report.drift import count_objects
from scoring.report.profile import to_floats
from scoring.report.statistics import Floats, wilson

CHANGED = [
    *("output", "photos", "to_yes", "to_no", "changed", "share", "share_low", "share_high"),
    *("direction_p", "mean_change"),
]


@dataclass(frozen=True)
class Answers:
    """Photos of one run that could be read, each once. `photo`: `[N]` hash of the content, ascending; columns `[N]`."""

    photo: NDArray[np.uint64]
    columns: dict[str, Floats]


def read_answers(run: Run, names: list[str], min_score: float) -> Answers:
    """`names` of classifiers, `caption` (as hash) and `objects` (as their number)."""
    photos: list[NDArray[np.uint64]] = []
    columns: dict[str, list[Floats]] = {name: [] for name in names}
    for batch in run.batches(["sha256", *names], good=True):
        known = batch.filter(batch["sha256"].is_valid())
        photos.append(hash_texts(known["sha256"]))
        for name in names:
            columns[name].append(as_numbers(name, known[name], min_score))
    if not photos:
        return Answers(np.empty(0, np.uint64), {name: np.empty(0) for name in names})
    photo, first = np.unique(np.concatenate(photos), return_index=True)
    return Answers(photo, {name: np.concatenate(parts)[first] for name, parts in columns.items()})


def as_numbers(name: str, column, min_score: float) -> NDArray:
    if name == "caption":
        return hash_texts(column.fill_null(""))
    return count_objects(column, min_score) if name == "objects" else to_floats(column)


def hash_texts(column) -> NDArray[np.uint64]:
    """64 bits per text: of ten million photos, two are taken for one with a probability of 1 in 400,000."""
    return pd.util.hash_array(column.to_numpy(zero_copy_only=False).astype(object), categorize=False)


def count_changes(new: Run, old: Run, classifiers: list[str], threshold: float, min_score: float) -> pd.DataFrame:
    """The table CHANGED, a line per output; empty when no photo is in both runs."""
    others = [name for name in new.only("caption", "objects") if name in old.columns]
    after, before = (read_answers(run, [*classifiers, *others], min_score) for run in (new, old))
    _, here, there = np.intersect1d(after.photo, before.photo, assume_unique=True, return_indices=True)
    if not len(here):
        return pd.DataFrame(columns=CHANGED)
    pairs = {name: (before.columns[name][there], after.columns[name][here]) for name in after.columns}
    rows = [probability_row(name, *pairs[name], threshold) for name in classifiers]
    headings = {"caption": "caption (other text)", "objects": "number of objects"}
    rows += [other_row(headings[name], *pairs[name]) for name in others]
    return pd.DataFrame(rows, columns=CHANGED)


def probability_row(name: str, before: Floats, after: Floats, threshold: float) -> list[object]:
    """`direction_p`: McNemar's exact test, whether changes go both ways equally often."""
    both = np.isfinite(before) & np.isfinite(after)
    before, after = before[both], after[both]
    to_yes = int(np.count_nonzero((before < threshold) & (after >= threshold)))
    to_no = int(np.count_nonzero((before >= threshold) & (after < threshold)))
    changed = to_yes + to_no
    direction = stats.binomtest(to_yes, changed).pvalue if changed else np.nan
    change = float(np.abs(after - before).mean()) if len(before) else np.nan
    return [name, len(before), to_yes, to_no, changed, *wilson(changed, len(before)), float(direction), change]


def other_row(name: str, before: NDArray, after: NDArray) -> list[object]:
    changed = int(np.count_nonzero(before != after))
    return [name, len(before), None, None, changed, *wilson(changed, len(before)), np.nan, np.nan]
