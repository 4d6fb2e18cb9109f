"""How far the distribution of every output moved between two runs."""

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoring.report.dataset import Run
from scoring.report.errors import ReportError
from scoring.report.profile import Profile, to_floats
from scoring.report.statistics import Floats, Stability, kolmogorov_smirnov, stability, stability_of_counts

STABLE, SHIFTED = 0.1, 0.25
CATEGORIES = 30
DRIFT = ["output", "mean_before", "mean_after", "psi", "psi_by_chance", "ks", "verdict"]


def shared_classifiers(new: Run, old: Run) -> list[str]:
    """The classifiers of both, where a yes means the same. Raises ReportError if the runs have no output in common."""
    same = [
        name for name in new.models if name in old.models and new.models[name].positive == old.models[name].positive
    ]
    shared = [name for name in new.classifiers if name in old.classifiers and name in same]
    if not shared and not [name for name in new.only("caption_score", "objects") if name in old.columns]:
        have = (f"{run.folder} has {', '.join(map(run.describe, run.classifiers))}" for run in (new, old))
        raise ReportError(f"--compare: the two runs share no outputs: {'; '.join(have)}")
    return shared


def measure_drift(new: Run, old: Run, profiles: tuple[Profile, Profile], min_score: float) -> pd.DataFrame:
    """The table DRIFT, from `old` to `new`; `profiles` are theirs, in the order (new, old)."""
    names = [*shared_classifiers(new, old), *(name for name in new.only("caption_score") if name in old.columns)]
    rows = [numbers_row(name.replace("_", " "), read_column(old, name), read_column(new, name)) for name in names]
    if "objects" in new.columns and "objects" in old.columns:
        rows.append(numbers_row("objects per photo", *(objects_per_photo(run, min_score) for run in (old, new))))
    after, before = profiles
    for name, counts, sizes in (
        ("labels of objects", (before.objects, after.objects), (before.good, after.good)),
        ("words of captions", (before.words, after.words), (before.captions, after.captions)),
    ):
        if all(counts):
            moved = categories_stability(*counts, sizes)
            rows.append([name, np.nan, np.nan, *moved, np.nan, verdict(moved)])
    return pd.DataFrame(rows, columns=DRIFT)


def numbers_row(name: str, before: Floats, after: Floats) -> list[object]:
    moved = stability(before, after)
    means = [float(each.mean()) if len(each) else np.nan for each in (before, after)]
    return [name, *means, *moved, kolmogorov_smirnov(before, after), verdict(moved)]


def verdict(moved: Stability) -> str:
    if not np.isfinite(moved.psi):
        return "nothing to compare"
    if moved.psi < STABLE:
        return "stable"
    if moved.psi <= moved.chance:
        return "too few to tell"
    return "some drift" if moved.psi <= SHIFTED else "shifted"


def read_column(run: Run, name: str) -> Floats:
    values = to_floats(run.read([name], good=True)[name])
    return values[np.isfinite(values)]


def objects_per_photo(run: Run, min_score: float) -> Floats:
    counts = [count_objects(batch["objects"], min_score) for batch in run.batches(["objects"], good=True)]
    return np.concatenate(counts).astype(np.float64) if counts else np.empty(0)


def count_objects(column: pa.ListArray, min_score: float) -> NDArray[np.int64]:
    """Objects of at least `min_score` per photo, `[N]`."""
    kept = to_floats(column.flatten().field("score")) >= min_score
    photo = pc.list_parent_indices(column).to_numpy()
    return np.bincount(photo[kept], minlength=len(column))


def categories_stability(before: Counter[str], after: Counter[str], sizes: tuple[int, int]) -> Stability:
    """Over the most frequent categories of both, and the rest as one. `sizes`: photos on both sides."""
    names = [name for name, _ in (before + after).most_common(CATEGORIES)]
    known = [[each[name] for name in names] for each in (before, after)]
    counts = [np.array([*those, each.total() - sum(those)]) for those, each in zip(known, (before, after), strict=True)]
    return stability_of_counts(counts[0], counts[1], sizes)
