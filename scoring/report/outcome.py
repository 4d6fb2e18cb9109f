"""Outcome with and without each attribute. The unit is the person where persons are known, else the photo."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.report.persons import GROUPS, count_persons, group_of, mean_outcome
from scoring.report.photos import Photos
from scoring.report.statistics import (
    FEWEST_UNITS,
    MOST_UNITS,
    NOTHING,
    SEED,
    Floats,
    Interval,
    bootstrap,
    cliffs_delta,
)

SIDES = [
    *("attribute", "photos_are", "photos", "units"),
    *("mean", "mean_low", "mean_high", "median", "median_low", "median_high"),
]
DIFFERENCES = [
    *("attribute", "comparison", "first_units", "second_units"),
    *("difference", "difference_low", "difference_high", "relative"),
    *("median_difference", "median_difference_low", "median_difference_high", "effect", "verdict"),
]
WITH_WITHOUT = "with − without"
SAME_PERSON = "same person, with − without"
ALL_NONE = "all − none of the person's photos"


class Compared(NamedTuple):
    """Two groups of units: mean and median of each, and of the difference first − second."""

    sizes: tuple[int, int]
    means: tuple[Interval, Interval]
    medians: tuple[Interval, Interval]
    mean_difference: Interval
    median_difference: Interval
    effect: float


def compare_outcome(photos: Photos) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables SIDES and DIFFERENCES."""
    assert photos.outcome is not None
    sides, differences = [], []
    counts = count_persons(photos) if photos.persons is not None else None
    for name, answers in photos.answers.items():
        first, second = split(photos, answers)
        compared = compare(first, second, paired=counts is not None)
        used = np.isfinite(photos.outcome)
        if photos.person is not None:
            used &= photos.person >= 0
        numbers = [int(np.count_nonzero(used & (answers == side))) for side in (1, 0)]
        sides += side_rows(name, ("yes", "no"), numbers, compared)
        differences.append(difference_row(name, WITH_WITHOUT, compared))
        if counts is not None:
            differences.append(difference_row(name, SAME_PERSON, compare_within(first, second)))
            groups, rows = compare_groups(name, photos, group_of(counts, name), counts)
            sides += rows
            differences.append(difference_row(name, ALL_NONE, groups))
    return pd.DataFrame(sides, columns=SIDES), pd.DataFrame(differences, columns=DIFFERENCES)


def split(photos: Photos, answers: Floats) -> tuple[Floats, Floats]:
    """Outcome per unit with and without the attribute. Persons: both `[persons]`, the mean of a person's photos, NaN
    for a person without such photos. Photos: the two groups of photos."""
    if photos.persons is not None:
        return mean_outcome(photos, answers == 1), mean_outcome(photos, answers == 0)
    assert photos.outcome is not None
    known = np.isfinite(photos.outcome)
    return photos.outcome[known & (answers == 1)], photos.outcome[known & (answers == 0)]


def compare(first: Floats, second: Floats, *, paired: bool) -> Compared:
    """Bootstrap of means, medians and their differences; `paired` draws positions (persons) for both together."""
    first, second = sample(first, second, paired)
    one, other = first[np.isfinite(first)], second[np.isfinite(second)]
    sizes, effect = (len(one), len(other)), cliffs_delta(one, other)
    if min(sizes) < FEWEST_UNITS:
        (mean, median), (mean_other, median_other) = describe(one), describe(other)
        apart, medians_apart = without_interval(mean, mean_other), without_interval(median, median_other)
    else:
        mean, mean_other, apart, median, median_other, medians_apart = bootstrap(
            summaries, first, second, paired=paired
        )
    return Compared(sizes, (mean, mean_other), (median, median_other), apart, medians_apart, effect)


def describe(values: Floats) -> tuple[Interval, Interval]:
    """Mean and median of one group."""
    if not len(values):
        return NOTHING, NOTHING
    mean, median = bootstrap(mean_and_median, values)
    return mean, median


def without_interval(first: Interval, second: Interval) -> Interval:
    return NOTHING._replace(estimate=first.estimate - second.estimate)


def sample(first: Floats, second: Floats, paired: bool) -> tuple[Floats, Floats]:
    """At most MOST_UNITS of each; of paired ones those that have any value, at the same positions."""
    rng = np.random.default_rng(SEED)
    if paired:
        kept = np.flatnonzero(np.isfinite(first) | np.isfinite(second))
        kept = kept if len(kept) <= MOST_UNITS else rng.choice(kept, MOST_UNITS, replace=False)
        return first[kept], second[kept]
    return draw(first, rng), draw(second, rng)


def draw(values: Floats, rng: np.random.Generator) -> Floats:
    return values if len(values) <= MOST_UNITS else rng.choice(values, MOST_UNITS, replace=False)


def summaries(first: Floats, second: Floats, axis: int = -1) -> Floats:
    """Means with their difference, then medians with theirs: `[6]` or `[6,B]`."""
    with warnings.catch_warnings():
        # A resample may hold nobody of one side; its figures are NaN and do not count.
        warnings.simplefilter("ignore", RuntimeWarning)
        means = [np.nanmean(each, axis) for each in (first, second)]
        medians = [np.nanmedian(each, axis) for each in (first, second)]
    return np.stack([*means, means[0] - means[1], *medians, medians[0] - medians[1]])


def compare_within(first: Floats, second: Floats) -> Compared:
    """Of persons who have both kinds of photos, the difference that each of them sees; what differs between persons
    cancels. The effect is the share of persons with more minus the share with less."""
    apart = first - second
    apart = apart[np.isfinite(apart)]
    apart = draw(apart, np.random.default_rng(SEED))
    mean, median = describe(apart)
    both = np.isfinite(first) & np.isfinite(second)
    level = NOTHING._replace(estimate=float(second[both].mean()) if both.any() else np.nan)
    effect = float(np.sign(apart).mean()) if len(apart) else np.nan
    return Compared((len(apart), len(apart)), (NOTHING, level), (NOTHING, NOTHING), mean, median, effect)


def mean_and_median(values: Floats, axis: int = -1) -> Floats:
    return np.stack([values.mean(axis), np.median(values, axis)])


def compare_groups(
    name: str, photos: Photos, groups: NDArray[np.object_], counts: pd.DataFrame
) -> tuple[Compared, list[list[object]]]:
    """Persons with the attribute in all of their photos against those with it in none; a row for each group."""
    outcome = mean_outcome(photos, np.isfinite(photos.answers[name]))
    members = {group: (groups == group) & np.isfinite(outcome) for group in GROUPS}
    every, none, some = (outcome[members[group]] for group in ("all", "none", "some"))
    extremes = compare(every, none, paired=False)
    figures: dict[str, list[object]] = {
        "all": side_figures(extremes, 0),
        "some": [len(some), *(figure for interval in describe(some) for figure in interval)],
        "none": side_figures(extremes, 1),
    }
    photos_of = {group: int(counts.loc[members[group], f"{name}_answers"].sum()) for group in GROUPS}
    rows = [[name, f"{group} of the person's", photos_of[group], *figures[group]] for group in figures]
    return extremes, rows


def side_rows(name: str, labels: tuple[str, str], photos: list[int], compared: Compared) -> list[list[object]]:
    return [[name, label, photos[side], *side_figures(compared, side)] for side, label in enumerate(labels)]


def side_figures(compared: Compared, side: int) -> list[object]:
    return [compared.sizes[side], *compared.means[side], *compared.medians[side]]


def difference_row(name: str, comparison: str, compared: Compared) -> list[object]:
    """One line of DIFFERENCES; `relative` is the difference as a part of the second group's mean."""
    apart, base = compared.mean_difference, compared.means[1].estimate
    relative = apart.estimate / abs(base) if base else np.nan
    return [
        *(name, comparison, *compared.sizes, *apart, relative),
        *(*compared.median_difference, compared.effect, verdict(apart)),
    ]


def verdict(difference: Interval) -> str:
    """What the interval of the difference of means says."""
    if not np.isfinite(difference.low):
        return "too few to tell"
    if difference.low > 0:
        return "higher"
    return "lower" if difference.high < 0 else "no clear difference"
