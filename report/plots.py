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

from report.table import quantity

INK, QUIET, BAR, SECOND, MARK, PALE = "#1b2330", "#566173", "#3f6fd8", "#c2570c", "#9b1c31", "#8a94a3"
SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",  # the same ids in every run
    "font.family": "sans-serif",
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
ABOVE: Any = {"frameon": False, "ncols": 3, "loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}
MOST_BARS = 15


@dataclass(frozen=True)
class Plot:
    """`picture`: a data URI; `alt` says in words what it shows."""

    picture: str
    alt: str
    caption: str


def draw_histogram(
    shares: NDArray[np.float64], baseline: NDArray[np.float64] | None, threshold: float, caption: str, alt: str
) -> Plot:
    """Shares of photos over equal bins of [0, 1]; those of the other run as an outline."""
    figure, axes = new_figure(2.3)
    edges = np.linspace(0, 1, len(shares) + 1)
    axes.stairs(shares, edges, fill=True, color=BAR, label="this run")
    if baseline is not None:
        axes.stairs(baseline, edges, color=SECOND, linewidth=1.6, label="the other run")
        axes.legend(**ABOVE)
    axes.axvline(threshold, color=MARK, linewidth=1.2, linestyle="--")
    axes.set(xlim=(0, 1), xlabel="probability", ylabel="photos")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    return finish(figure, caption, alt)


def draw_frequencies(frame: pd.DataFrame, caption: str) -> list[Plot]:
    """Bars of the most frequent: the first column names them, `photos` counts. Nothing for an empty frame."""
    if frame.empty:
        return []
    top = frame.head(MOST_BARS).set_index(frame.columns[0])[["photos"]]
    photos = quantity(top["photos"].iloc[0], "photo", "photos")
    alt = f"Bars: {caption}, the most frequent first: {top.index[0]} with {photos}."
    figure, axes = new_figure(0.6 + 0.24 * len(top))
    stack_bars(axes, top, [BAR])
    axes.set(xlabel="photos")
    return [finish(figure, f"{caption}, the most frequent", alt)]


def draw_shares(frame: pd.DataFrame, label: str, caption: str, alt: str) -> Plot:
    """A bar per row, of three shares that add up to one."""
    figure, axes = new_figure(0.9 + 0.34 * len(frame))
    stack_bars(axes, frame, [PALE, SECOND, BAR])
    axes.set(xlim=(0, 1), xlabel=label)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(**ABOVE)
    return finish(figure, caption, alt)


def stack_bars(axes: Axes, frame: pd.DataFrame, colours: Sequence[str]) -> None:
    """A horizontal bar per row, the first on top, of a piece per column."""
    left = np.zeros(len(frame))
    for (name, values), colour in zip(frame.items(), colours, strict=True):
        axes.barh(np.arange(len(frame)), values, left=left, color=colour, height=0.7, label=str(name))
        left = left + values.to_numpy()
    name_rows(axes, frame.index)


def draw_intervals(names: Sequence[str], intervals: NDArray[np.float64], label: str, caption: str, alt: str) -> Plot:
    """Estimates with their intervals, against zero. `intervals`: `[N,3]`, estimate, low and high."""
    figure, axes = new_figure(0.8 + 0.32 * len(names))
    estimate, low, high = intervals.T
    axes.axvline(0, color=MARK, linewidth=1.2, linestyle="--")
    axes.hlines(np.arange(len(names)), low, high, color=BAR, linewidth=2.5)
    axes.plot(estimate, np.arange(len(names)), "o", color=BAR, markersize=6)
    axes.margins(y=0.25)
    axes.set(xlabel=label)
    name_rows(axes, names)
    return finish(figure, caption, alt)


def name_rows(axes: Axes, names: Sequence[str] | pd.Index, length: int = 32) -> None:
    labels = [name if len(name) <= length else f"{name[: length - 1]}…" for name in map(str, names)]
    axes.set_yticks(np.arange(len(names)), labels, color=INK)
    axes.invert_yaxis()


def new_figure(inches_high: float) -> tuple[Figure, Axes]:
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(INCHES_WIDE, inches_high), layout="constrained")
        return figure, figure.subplots()


def finish(figure: Figure, caption: str, alt: str) -> Plot:
    data = io.BytesIO()
    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        # The browser has glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(data, format="svg", transparent=True, metadata={"Date": None})
    return Plot(f"data:image/svg+xml;base64,{base64.b64encode(data.getvalue()).decode()}", alt, caption)
