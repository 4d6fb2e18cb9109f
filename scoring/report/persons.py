"""Attributes and outcome per person: in none, some or all of their photos."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.report.photos import Photos
from scoring.report.statistics import cluster_share, wilson

GROUPS = ("none", "some", "all")


def count_persons(photos: Photos) -> pd.DataFrame:
    """One row per person: photos; per attribute those with an answer (`<name>_answers`) and the yes (`<name>`); the
    mean outcome where there is one."""
    columns = {"photos": per_person(photos, np.ones(len(photos)))}
    for name, answers in photos.answers.items():
        columns[f"{name}_answers"] = per_person(photos, np.isfinite(answers))
        columns[name] = per_person(photos, np.nan_to_num(answers))
    counts = pd.DataFrame(columns).round().astype("int64")
    counts.insert(0, "person", photos.persons)
    if photos.outcome is not None:
        counts["mean_outcome"] = mean_outcome(photos, np.full(len(photos), True))
    return counts


def per_person(photos: Photos, values: NDArray) -> NDArray[np.float64]:
    """Sum of the photos' values `[N]` by person `[persons]`; photos without a person are left out."""
    assert photos.person is not None
    assert photos.persons is not None
    known = photos.person >= 0
    weights = values[known].astype(np.float64)
    sums = np.bincount(photos.person[known], weights=weights, minlength=len(photos.persons))
    return sums.astype(np.float64)


def mean_outcome(photos: Photos, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each person's mean outcome over the chosen photos; NaN for who has none with an outcome."""
    assert photos.outcome is not None
    chosen = chosen & np.isfinite(photos.outcome)
    counts = per_person(photos, chosen)
    sums = per_person(photos, np.where(chosen, photos.outcome, 0.0))
    return np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)


def group_of(counts: pd.DataFrame, name: str) -> NDArray[np.object_]:
    """none, some or all per person, of the photos with an answer; None for a person without any."""
    yes, answers = counts[name].to_numpy(), counts[f"{name}_answers"].to_numpy()
    groups = np.full(len(counts), "some", object)
    groups[yes == answers] = "all"
    groups[yes == 0] = "none"
    groups[answers == 0] = None
    return groups


def person_groups(counts: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Persons with the attribute in none, some and all of their photos, with Wilson intervals of their shares."""
    rows = []
    for name in names:
        groups = group_of(counts, name)
        total = int(sum(group is not None for group in groups))
        for group in GROUPS:
            persons = int(np.count_nonzero(groups == group))
            share, low, high = wilson(persons, total)
            rows.append([name, group, persons, share, low, high])
    return pd.DataFrame(rows, columns=["attribute", "in", "persons", "share", "share_low", "share_high"])


def shares_by_clusters(counts: pd.DataFrame, names: list[str]) -> dict[str, tuple[float, float]]:
    """The interval of each attribute's share of photos, when persons are drawn rather than photos."""
    intervals = {}
    for name in names:
        yes, answers = (counts[key].to_numpy(np.float64) for key in (name, f"{name}_answers"))
        intervals[name] = cluster_share(yes, answers)[1:]
    return intervals
