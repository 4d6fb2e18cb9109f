"""Two groups of numbers, treatment and control: means, medians, their differences, and how sure they are."""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from report.statistics import (
    FEWEST_UNITS,
    MOST_UNITS,
    NOTHING,
    SEED,
    Floats,
    Interval,
    bootstrap,
    cliffs_delta,
)


class Comparison(NamedTuple):
    """Treatment (first) and control (second): units, mean and median of each, and of the difference between them."""

    units: tuple[int, int]
    means: tuple[Interval, Interval]
    medians: tuple[Interval, Interval]
    mean_difference: Interval
    median_difference: Interval
    effect: float


def compare(treatment: Floats, control: Floats, *, paired: bool, most: int = MOST_UNITS) -> Comparison:
    """Bootstrap of means, medians and their differences. With `paired`, both are `[N]` with NaN where a unit has no
    value, and units are drawn for both together. Of more than `most` units, a random `most` are compared."""
    treatment, control = sample_pairs(treatment, control, most) if paired else sample_both(treatment, control, most)
    first, second = treatment[np.isfinite(treatment)], control[np.isfinite(control)]
    units, effect = (len(first), len(second)), cliffs_delta(first, second)
    if min(units) < FEWEST_UNITS:
        (mean, median), (control_mean, control_median) = describe(first), describe(second)
        difference, median_difference = subtract(mean, control_mean), subtract(median, control_median)
    else:
        mean, control_mean, difference, median, control_median, median_difference = bootstrap(
            means_and_medians, treatment, control, paired=paired
        )
    return Comparison(units, (mean, control_mean), (median, control_median), difference, median_difference, effect)


def compare_within(treatment: Floats, control: Floats, most: int = MOST_UNITS) -> Comparison:
    """Paired difference: of units with both values, the difference in each; what differs between units cancels.

    The effect is the share of units with more minus the share with less.
    """
    both = np.isfinite(treatment) & np.isfinite(control)
    differences = sample(treatment[both] - control[both], most, np.random.default_rng(SEED))
    mean, median = describe(differences)
    level = NOTHING._replace(estimate=float(control[both].mean()) if both.any() else np.nan)
    effect = float(np.sign(differences).mean()) if len(differences) else np.nan
    units = len(differences), len(differences)
    return Comparison(units, (NOTHING, level), (NOTHING, NOTHING), mean, median, effect)


def describe(values: Floats) -> tuple[Interval, Interval]:
    """Mean and median of one group."""
    if not len(values):
        return NOTHING, NOTHING
    mean, median = bootstrap(mean_and_median, values)
    return mean, median


def subtract(first: Interval, second: Interval) -> Interval:
    """The difference alone, without an interval."""
    return NOTHING._replace(estimate=first.estimate - second.estimate)


def sample(values: NDArray, most: int, rng: np.random.Generator) -> NDArray:
    return values if len(values) <= most else rng.choice(values, most, replace=False)


def sample_both(first: Floats, second: Floats, most: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(SEED)
    return sample(first, most, rng), sample(second, most, rng)


def sample_pairs(first: Floats, second: Floats, most: int) -> tuple[Floats, Floats]:
    """Of the units that have any value, the same ones of both."""
    kept = sample(np.flatnonzero(np.isfinite(first) | np.isfinite(second)), most, np.random.default_rng(SEED))
    return first[kept], second[kept]


def mean_and_median(values: Floats, axis: int = -1) -> Floats:
    return np.stack([values.mean(axis), np.median(values, axis)])


def means_and_medians(first: Floats, second: Floats, axis: int = -1) -> Floats:
    """Means with their difference, then medians with theirs: `[6]` or `[6,B]`."""
    with warnings.catch_warnings():
        # A resample may hold nobody of one group; its figures are NaN and do not count.
        warnings.simplefilter("ignore", RuntimeWarning)
        means = [np.nanmean(each, axis) for each in (first, second)]
        medians = [np.nanmedian(each, axis) for each in (first, second)]
    return np.stack([*means, means[0] - means[1], *medians, medians[0] - medians[1]])
