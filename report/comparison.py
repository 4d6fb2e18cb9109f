"""Numbers per unit with a treatment and without it (control): means, medians, differences, and how sure they are."""

import warnings
from typing import NamedTuple

import numpy as np

from report.statistics import FEWEST_UNITS, NOTHING, Floats, Interval, bootstrap, cliffs_delta


class Comparison(NamedTuple):
    """`effect`: Cliff's delta, or for paired differences the share of units with more minus the share with less."""

    difference: Interval
    median_difference: Interval
    effect: float
    treatment_units: int
    control_units: int
    treatment_mean: Interval
    control_mean: Interval

    @property
    def relative_difference(self) -> float:
        """The difference as a part of the control's mean."""
        base = self.control_mean.estimate
        return self.difference.estimate / abs(base) if base else np.nan

    @property
    def verdict(self) -> str:
        """What the interval of the difference says."""
        if not np.isfinite(self.difference.low):
            return "too few to compare"
        if self.difference.low > 0:
            return "higher"
        return "lower" if self.difference.high < 0 else "no clear difference"


def compare(treatment: Floats, control: Floats) -> Comparison:
    """Difference of the groups' means and medians. Both `[units]`, NaN where a unit has no value of the kind; units
    are drawn for both together."""
    treated, untreated = treatment[np.isfinite(treatment)], control[np.isfinite(control)]
    if min(len(treated), len(untreated)) < FEWEST_UNITS:
        (mean, median), (control_mean, control_median) = describe(treated), describe(untreated)
        difference, median_difference = subtract(mean, control_mean), subtract(median, control_median)
    else:
        mean, control_mean, difference, median_difference = bootstrap(summarise_groups, treatment, control)
    effect = cliffs_delta(treated, untreated)
    units = len(treated), len(untreated)
    return Comparison(difference, median_difference, effect, *units, mean, control_mean)


def compare_within(treatment: Floats, control: Floats) -> Comparison:
    """Paired differences: of units with both values, the difference in each; what differs between units cancels."""
    both = np.isfinite(treatment) & np.isfinite(control)
    differences = treatment[both] - control[both]
    mean, control_mean = (estimate(each[both]) for each in (treatment, control))
    difference, median_difference = describe(differences)
    units, effect = len(differences), float(np.sign(differences).mean()) if len(differences) else np.nan
    return Comparison(difference, median_difference, effect, units, units, mean, control_mean)


def describe(values: Floats) -> tuple[Interval, Interval]:
    """Mean and median of one group."""
    if not len(values):
        return NOTHING, NOTHING
    mean, median = bootstrap(lambda drawn, axis=-1: np.stack([drawn.mean(axis), np.median(drawn, axis)]), values)
    return mean, median


def estimate(values: Floats) -> Interval:
    """The mean alone, without an interval."""
    return NOTHING._replace(estimate=float(values.mean())) if len(values) else NOTHING


def subtract(first: Interval, second: Interval) -> Interval:
    """The difference alone, without an interval."""
    return NOTHING._replace(estimate=first.estimate - second.estimate)


def summarise_groups(treatment: Floats, control: Floats, axis: int = -1) -> Floats:
    """Both means, and the differences of means and of medians: `[4]` or `[4,B]`."""
    with warnings.catch_warnings():
        # A resample may hold nobody of one group; its figures are NaN and do not count.
        warnings.simplefilter("ignore", RuntimeWarning)
        means = [np.nanmean(each, axis) for each in (treatment, control)]
        medians = [np.nanmedian(each, axis) for each in (treatment, control)]
    return np.stack([*means, means[0] - means[1], medians[0] - medians[1]])
