"""The plots, drawn by matplotlib as SVG that stands in the page and takes its colours, light or dark."""

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

# Each stands for a property of the page's style sheet, which knows light and dark.
INK, QUIET, BAR, SECOND, MARK = "#010101", "#020202", "#030303", "#040404", "#050505"
PROPERTIES = {INK: "--text", QUIET: "--quiet", BAR: "--bar", SECOND: "--second", MARK: "--mark"}
SETTINGS: Any = {
    "svg.fonttype": "none",
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
ABOVE: Any = {"frameon": False, "ncols": 3, "loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}


@dataclass(frozen=True)
class Plot:
    """`svg` stands in the page; `alt` says in words what it shows."""

    svg: Markup
    alt: str
    caption: str


def draw_histogram(
    counts: NDArray[np.int64], threshold: float, before: NDArray[np.int64] | None, heading: str, alt: str
) -> Plot:
    """Shares of photos over equal bins of [0, 1]; `before`, the other run's counts, as an outline."""
    figure, axes = new_figure(2.3)
    edges = np.linspace(0, 1, len(counts) + 1)
    axes.stairs(counts / max(counts.sum(), 1), edges, fill=True, color=BAR, label="this run")
    if before is not None:
        axes.stairs(before / max(before.sum(), 1), edges, color=SECOND, linewidth=1.6, label="the other run")
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
    text = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    # The salt makes ids: other ones in every plot of the page, the same ones in every run.
    with mpl.rc_context(SETTINGS | {"svg.hashsalt": heading}), warnings.catch_warnings():
        # The browser has glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    return Plot(embed(text.getvalue(), alt), alt, heading)


def embed(svg: str, alt: str) -> Markup:
    """The svg element alone: no prolog, no ids that another plot has too, the page's colours and letters.

    Only tags are changed, never the (escaped) text between them: that is what a stranger may have written.
    """
    svg = re.sub(r"<(metadata|style).*?</\1>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: restyle(tag[0]), svg)
    size = r'^<svg (xmlns:xlink="[^"]*" )?width="[^"]*" height="[^"]*"'
    return Markup('<svg role="img" aria-label="{}"').format(alt) + Markup(re.sub(size, "", svg))


def restyle(tag: str) -> str:
    tag = re.sub(r' id="[\w.]*_\d+"', "", tag)
    tag = re.sub(r"\s*\n\s*", " ", re.sub(r"font-family: [^;\"]*;? ?", "", tag))
    tag = re.sub(r"font: [^;\"]*?([\d.]+)px[^;\"]*", r"font-size: \1px", tag)
    for colour, name in PROPERTIES.items():
        tag = tag.replace(colour, f"var({name})")
    return tag


def shorten(name: str, length: int = 32) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
