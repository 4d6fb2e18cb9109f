"""Intervals, tests, effect sizes and distances between distributions, by scipy and statsmodels."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

Floats = NDArray[np.floating]

CONFIDENCE = 0.95
RESAMPLES = 2000
FEWEST_RESAMPLES = 200
# Resamples times units stay near this number, so that large datasets take seconds per interval, not hours.
DRAWS = 100_000_000
DRAWS_AT_ONCE = 2_000_000
# An interval from fewer units means nothing: the bootstrap only sees values that are there.
FEWEST_UNITS = 5
SEED = 0


class Interval(NamedTuple):
    """An estimate with its 95 % interval; low and high are NaN where there is too little data."""

    estimate: float
    low: float
    high: float


NOTHING = Interval(np.nan, np.nan, np.nan)


def wilson(successes: int, total: int) -> Interval:
    """Share of successes with Wilson's score interval (1927), for independent trials."""
    if total == 0:
        return NOTHING
    low, high = proportion_confint(successes, total, 1 - CONFIDENCE, method="wilson")
    return Interval(successes / total, float(low), float(high))


def change_p(to_positive: int, to_negative: int) -> float:
    """McNemar's exact test, whether changes go both ways equally often; NaN where nothing changed."""
    if not to_positive + to_negative:
        return np.nan
    return float(mcnemar([[0, to_positive], [to_negative, 0]], exact=True).pvalue)


def bootstrap(statistic: Callable[..., Floats], *samples: Floats) -> list[Interval]:
    """Percentile bootstrap (Efron 1979) of a statistic that gives several figures.

    `statistic(*samples, axis=-1)` gives `[K]` figures, or `[K,B]` for samples of shape `[B,N]`. Units (positions) are
    drawn for all samples together. Resamples that leave a figure undefined do not count for it; scipy's `bootstrap`,
    which draws the same ones, has no interval then.
    """
    estimates = statistic(*samples, axis=-1)
    if len(samples[0]) < FEWEST_UNITS:
        return [Interval(float(value), np.nan, np.nan) for value in estimates]
    tail = (1 - CONFIDENCE) / 2
    bounds = [quantiles(row, tail) for row in resample(statistic, samples)]
    return [Interval(float(value), *bound) for value, bound in zip(estimates, bounds, strict=True)]


def resample(statistic: Callable[..., Floats], samples: Sequence[Floats]) -> Floats:
    """The figures of every resample: `[K,B]`, in batches, so that memory does not grow with their number."""
    size, rng = len(samples[0]), np.random.default_rng(SEED)
    left, batch = int(np.clip(DRAWS // size, FEWEST_RESAMPLES, RESAMPLES)), max(1, DRAWS_AT_ONCE // size)
    figures = []
    while left > 0:
        places = rng.integers(size, size=(min(batch, left), size))
        figures.append(statistic(*(sample[places] for sample in samples), axis=-1))
        left -= batch
    return np.concatenate(figures, axis=-1)


def quantiles(values: Floats, tail: float) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def cluster_share(successes: Floats, totals: Floats) -> Interval:
    """Share of successes where trials come in clusters (the photos of one person): clusters are drawn, not trials.

    `successes`, `totals`: `[clusters]`.
    """
    kept = totals > 0
    if not kept.any():
        return NOTHING
    return bootstrap(share, successes[kept], totals[kept])[0]


def share(successes: Floats, totals: Floats, axis: int = -1) -> Floats:
    return np.stack([successes.sum(axis) / totals.sum(axis)])


def cliffs_delta(first: Floats, second: Floats) -> float:
    """P(first > second) − P(first < second) for one drawn from each, in [-1, 1] (Cliff 1993), from Mann-Whitney's U."""
    if not len(first) or not len(second):
        return np.nan
    u = stats.mannwhitneyu(first, second, method="asymptotic").statistic
    return float(2 * u / (len(first) * len(second)) - 1)


def kolmogorov_smirnov(before: Floats, after: Floats) -> float:
    """Largest distance between the two cumulative distributions, in [0, 1]."""
    if not len(before) or not len(after):
        return np.nan
    points = np.concatenate([before, after])
    first, second = (np.searchsorted(np.sort(each), points, side="right") / len(each) for each in (before, after))
    return float(np.abs(first - second).max())


class Stability(NamedTuple):
    """Population stability index, and what it stays below in 95 of 100 cases if nothing moved and chance alone acts."""

    psi: float
    chance: float


def stability(before: Floats, after: Floats, bins: int = 10) -> Stability:
    """Population stability index of `after` against `before`, over the deciles of `before`.

    A decile that many values share is a bin of its own, so that counts and other values with ties work too.
    Below 0.1 is read as stable, above 0.25 as a shift (Siddiqi, Credit Risk Scorecards, 2006).
    """
    if not len(before) or not len(after):
        return Stability(np.nan, np.nan)
    edges = np.unique(np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1]))
    counts = [count_bins(edges, each) for each in (before, after)]
    return stability_of_counts(counts[0], counts[1], (len(before), len(after)))


def count_bins(edges: Floats, values: Floats) -> NDArray[np.int64]:
    """Values below the first edge, on it, between it and the second, on that, and so on: `[2 edges + 1]`."""
    places = np.searchsorted(edges, values, side="left") + np.searchsorted(edges, values, side="right")
    return np.bincount(places, minlength=2 * len(edges) + 1).astype(np.int64)


def stability_of_counts(before: NDArray[np.int64], after: NDArray[np.int64], sizes: Sequence[int]) -> Stability:
    """The index for counts per bin; half a count is added to each, so that an empty bin is no infinity.

    `sizes`: independent observations on both sides. By chance alone the index is chi-squared with a degree of freedom
    less than there are bins, times the sum of 1 / size (Yurdakul, Statistical Properties of PSI, 2018).
    """
    used = (before > 0) | (after > 0)
    bins = np.count_nonzero(used)
    expected, actual = ((counts[used] + 0.5) / (counts.sum() + 0.5 * bins) for counts in (before, after))
    index = float(np.sum((actual - expected) * np.log(actual / expected)))
    chance = stats.chi2.ppf(CONFIDENCE, bins - 1) * sum(1 / size for size in sizes) if bins > 1 else 0.0
    return Stability(index, float(chance))


class Shift(NamedTuple):
    """How far a mean moved, and what it stays below in 95 of 100 cases by chance alone."""

    distance: float
    chance: float


def mean_shift(before: NDArray[np.float32], after: NDArray[np.float32], resamples: int = 200) -> Shift:
    """Euclidean distance between the means of two sets of unit vectors, `[N,D]` and `[M,D]`, in [0, 2].

    Chance: the vectors of both, divided at random into two sets of these sizes (permutation test).
    """
    if not len(before) or not len(after):
        return Shift(np.nan, np.nan)
    weights = np.repeat([1 / len(before), -1 / len(after)], [len(before), len(after)]).astype(np.float32)
    vectors, rng = np.concatenate([before, after]), np.random.default_rng(SEED)
    drawn = [np.linalg.norm(rng.permutation(weights) @ vectors) for _ in range(resamples)]
    return Shift(float(np.linalg.norm(weights @ vectors)), float(np.quantile(drawn, CONFIDENCE)))
