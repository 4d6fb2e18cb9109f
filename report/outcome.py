"""A number per photo, such as likes, with and without each attribute.

The unit is the person where a column names persons, else the photo.
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from contract.tasks import Task
from report.comparison import Comparison, compare, compare_within, describe
from report.dataset import Run
from report.errors import ReportError
from report.persons import GROUPS, group_of
from report.statistics import Interval

OUTCOMES = [
    *("attribute", "group", "photos", "units"),
    *("mean", "mean_low", "mean_high", "median", "median_low", "median_high"),
]
DIFFERENCES = [
    *("attribute", "comparison", "treatment_units", "control_units"),
    *("difference", "difference_low", "difference_high", "relative"),
    *("median_difference", "median_difference_low", "median_difference_high", "effect", "verdict"),
]
WITH_WITHOUT = "with − without"
PAIRED = "same person, with − without"
ALL_NONE = "all − none of the person's photos"

Rows = tuple[list[list[object]], list[list[object]]]


def check_outcome(run: Run, outcome: str) -> None:
    """Raises ReportError for a column that is not there or holds no numbers."""
    kind, types = run.require(outcome, "--outcome"), pa.types
    if not any(accepts(kind) for accepts in (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)):
        raise ReportError(f"--outcome {outcome}: holds {kind}; a column of numbers is needed")


def compare_outcome(run: Run, outcome: str, by: str | None, threshold: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables OUTCOMES and DIFFERENCES."""
    outcomes, differences = [], []
    for name in run.names(Task.CLASSIFICATION):
        rows = (
            compare_persons(run, name, outcome, by, threshold) if by else compare_photos(run, name, outcome, threshold)
        )
        outcomes += rows[0]
        differences += rows[1]
    return pd.DataFrame(outcomes, columns=OUTCOMES), pd.DataFrame(differences, columns=DIFFERENCES)


def compare_photos(run: Run, name: str, outcome: str, threshold: float) -> Rows:
    """Photos with the attribute (treatment) against photos without (control)."""
    photos = run.query(
        f"SELECT {run.number(outcome)} AS outcome, {run.column(name)} >= $threshold AS positive FROM {run.photos}",
        threshold=threshold,
    ).dropna()
    positive = photos["positive"].to_numpy(bool)
    values = photos["outcome"].to_numpy()
    treatment, control = values[positive], values[~positive]
    comparison = compare(treatment, control, paired=False)
    return (
        group_rows(name, (len(treatment), len(control)), comparison),
        [difference_row(name, WITH_WITHOUT, comparison)],
    )


def compare_persons(run: Run, name: str, outcome: str, by: str, threshold: float) -> Rows:
    """Persons by the mean outcome of their photos: over photos with and without the attribute, and by how many of
    their photos have it."""
    persons = read_persons(run, name, outcome, by, threshold)
    treatment, control = persons["treatment"].to_numpy(), persons["control"].to_numpy()
    comparison = compare(treatment, control, paired=True)
    photos = int(persons["treatment_photos"].sum()), int(persons["control_photos"].sum())
    group_comparison, rows = compare_groups(name, persons)
    differences = [
        difference_row(name, WITH_WITHOUT, comparison),
        difference_row(name, PAIRED, compare_within(treatment, control)),
        difference_row(name, ALL_NONE, group_comparison),
    ]
    return [*group_rows(name, photos, comparison), *rows], differences


def read_persons(run: Run, name: str, outcome: str, by: str, threshold: float) -> pd.DataFrame:
    """One row per person: mean outcome over photos with the attribute (`treatment`), without (`control`) and over both
    (`outcome`), and how many photos there are; NaN where there are none."""
    return run.query(
        f"""SELECT avg(o) FILTER (p >= $threshold) AS treatment, avg(o) FILTER (p < $threshold) AS control,
            avg(o) FILTER (p IS NOT NULL) AS outcome, count(o) FILTER (p >= $threshold) AS treatment_photos,
            count(o) FILTER (p < $threshold) AS control_photos, count(p) AS photos,
            count(*) FILTER (p >= $threshold) AS positives
        FROM (SELECT {run.column(by)} AS person, {run.column(name)} AS p, {run.number(outcome)} AS o FROM {run.photos})
        WHERE person IS NOT NULL GROUP BY person ORDER BY person""",
        threshold=threshold,
    ).astype({"treatment": float, "control": float, "outcome": float})


def compare_groups(name: str, persons: pd.DataFrame) -> tuple[Comparison, list[list[object]]]:
    """Persons with the attribute in all of their photos against those with it in none; a row for each group."""
    groups = group_of(persons["photos"].to_numpy(), persons["positives"].to_numpy())
    outcome = persons["outcome"].to_numpy()
    members = {group: (groups == group) & np.isfinite(outcome) for group in GROUPS}
    every, some, none = (outcome[members[group]] for group in ("all", "some", "none"))
    comparison = compare(every, none, paired=False)
    figures: dict[str, list[object]] = {
        "all": group_figures(comparison, 0),
        "some": [len(some), *(figure for interval in describe(some) for figure in interval)],
        "none": group_figures(comparison, 1),
    }
    photos = {group: int(persons["photos"][members[group]].sum()) for group in GROUPS}
    return comparison, [[name, f"{group} of the person's", photos[group], *figures[group]] for group in figures]


def group_rows(name: str, photos: tuple[int, int], comparison: Comparison) -> list[list[object]]:
    """Two lines of OUTCOMES."""
    return [
        [name, group, photos[place], *group_figures(comparison, place)]
        for place, group in enumerate(("with", "without"))
    ]


def group_figures(comparison: Comparison, place: int) -> list[object]:
    return [comparison.units[place], *comparison.means[place], *comparison.medians[place]]


def difference_row(name: str, label: str, comparison: Comparison) -> list[object]:
    """One line of DIFFERENCES; `relative` is the difference as a part of the control's mean."""
    difference, base = comparison.mean_difference, comparison.means[1].estimate
    relative = difference.estimate / abs(base) if base else np.nan
    return [
        *(name, label, *comparison.units, *difference, relative),
        *(*comparison.median_difference, comparison.effect, verdict(difference)),
    ]


def verdict(difference: Interval) -> str:
    """What the interval of the difference of means says."""
    if not np.isfinite(difference.low):
        return "too few to compare"
    if difference.low > 0:
        return "higher"
    return "lower" if difference.high < 0 else "no clear difference"
