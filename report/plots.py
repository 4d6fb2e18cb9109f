"""The plots, drawn by matplotlib as SVG pictures. The page inverts them where the reader's system is dark."""

import base64
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

INK, QUIET, BAR, SECOND, MARK = "#1b2330", "#566173", "#3f6fd8", "#c2570c", "#9b1c31"
SETTINGS: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "text.parse_math": False,
}
INCHES_WIDE = 6.4
BARS = 15
ABOVE: Any = {"frameon": False, "ncols": 3, "loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}


@dataclass(frozen=True)
class Plot:
    """`picture`: a data URI; `alt` says in words what it shows."""

    picture: str
    alt: str
    caption: str


def draw_histogram(
    counts: NDArray[np.int64], threshold: float, baseline: NDArray[np.int64] | None, heading: str, alt: str
) -> Plot:
    """Shares of photos over equal bins of [0, 1]; `baseline`, the other run's counts, as an outline."""
    figure, axes = new_figure(2.3)
    edges = np.linspace(0, 1, len(counts) + 1)
    axes.stairs(counts / max(counts.sum(), 1), edges, fill=True, color=BAR, label="this run")
    if baseline is not None:
        axes.stairs(baseline / max(baseline.sum(), 1), edges, color=SECOND, linewidth=1.6, label="the other run")
        axes.legend(**ABOVE)
    axes.axvline(threshold, color=MARK, linewidth=1.2, linestyle="--")
    axes.set(xlim=(0, 1), xlabel="probability", ylabel="photos")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    return finish(figure, heading, alt)


def draw_bars(names: Sequence[str], values: Sequence[float], label: str, heading: str, alt: str) -> Plot:
    """Horizontal bars, the first on top."""
    figure, axes = new_figure(0.6 + 0.24 * len(names))
    places = np.arange(len(names))
    axes.barh(places, values, color=BAR, height=0.7)
    axes.set_yticks(places, [shorten(name) for name in names], color=INK)
    axes.invert_yaxis()
    axes.set(xlabel=label)
    axes.margins(y=0.02)
    return finish(figure, heading, alt)


def draw_frequencies(frame: pd.DataFrame, key: str, label: str) -> list[Plot]:
    """The most frequent of a frame that counts `photos`; nothing for an empty one."""
    if frame.empty:
        return []
    top = frame.head(BARS)
    first = f"The most frequent is {top[key].iloc[0]} with {top['photos'].iloc[0]:,} photos."
    alt = f"Bars: {label}, the {len(top)} most frequent. {first}"
    return [draw_bars(list(top[key]), list(top["photos"]), "photos", f"{label}, the most frequent", alt)]


def draw_stacked(names: Sequence[str], parts: dict[str, Sequence[float]], heading: str, alt: str) -> Plot:
    """Shares that add up to one per name."""
    figure, axes = new_figure(0.9 + 0.34 * len(names))
    places, left = np.arange(len(names)), np.zeros(len(names))
    for (part, shares), (colour, opacity) in zip(parts.items(), ((QUIET, 0.35), (SECOND, 0.8), (BAR, 1)), strict=True):
        axes.barh(places, shares, left=left, color=colour, alpha=opacity, height=0.6, label=part)
        left = left + np.asarray(shares)
    axes.set_yticks(places, [shorten(name) for name in names], color=INK)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of the persons")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(**ABOVE)
    return finish(figure, heading, alt)


def draw_intervals(names: Sequence[str], intervals: NDArray[np.float64], label: str, heading: str, alt: str) -> Plot:
    """Estimates with their intervals, against zero. `intervals`: `[N,3]`, estimate, low and high."""
    figure, axes = new_figure(0.8 + 0.32 * len(names))
    places = np.arange(len(names))
    estimate, low, high = intervals.T
    axes.axvline(0, color=MARK, linewidth=1.2, linestyle="--")
    axes.hlines(places, low, high, color=BAR, linewidth=2.5)
    axes.plot(estimate, places, "o", color=BAR, markersize=6)
    axes.set_yticks(places, [shorten(name) for name in names], color=INK)
    axes.invert_yaxis()
    axes.margins(y=0.25)
    axes.set(xlabel=label)
    return finish(figure, heading, alt)


def new_figure(inches_high: float) -> tuple[Figure, Axes]:
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(INCHES_WIDE, inches_high), layout="constrained")
        return figure, figure.subplots()


def finish(figure: Figure, heading: str, alt: str) -> Plot:
    data = io.BytesIO()
    # The salt makes the ids in the file: the same ones in every run.
    with mpl.rc_context(SETTINGS | {"svg.hashsalt": heading}), warnings.catch_warnings():
        # The browser has glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(data, format="svg", transparent=True, metadata={"Date": None})
    return Plot(f"data:image/svg+xml;base64,{base64.b64encode(data.getvalue()).decode()}", alt, heading)


def shorten(name: str, length: int = 32) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
