"""What the page is made of."""

from dataclasses import dataclass, field

from report.plots import Plot
from report.table import Table


@dataclass(frozen=True)
class Gallery:
    """Thumbnails as pairs of a data URI, or None where the source cannot be read any more, and a caption."""

    heading: str
    examples: list[tuple[str | None, str]]


@dataclass(frozen=True)
class Section:
    """`key` is the anchor. `summary` are plain sentences for the top of the page; `text` explains, `warning` is set
    off, then plots, tables and pictures follow."""

    key: str
    heading: str
    summary: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    warning: str = ""
    plots: list[Plot] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    galleries: list[Gallery] = field(default_factory=list)
