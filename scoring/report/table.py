"""A table of the report: shown in HTML with rounded numbers, written as CSV with all digits."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import pandas as pd

# Letters of a checksum that the page shows; the CSV file has all.
CHECKSUM = 24


class Kind(StrEnum):
    """How a column's figures are shown."""

    TEXT = "text"
    CHECKSUM = "checksum"
    COUNT = "count"
    SHARE = "share"
    NUMBER = "number"
    CHANGE = "change"
    RELATIVE = "relative"


@dataclass(frozen=True)
class Column:
    """One column of the page. With `interval`, the frame's `<key>_low` and `<key>_high` stand in the same cell."""

    key: str
    heading: str
    kind: Kind = Kind.TEXT
    interval: bool = False


class Figure(NamedTuple):
    """What is shown, and the exact value behind it (None for text)."""

    shown: str
    value: str | None


@dataclass(frozen=True)
class Table:
    """`name` is the CSV file's. The page shows `limit` rows and says when there are more."""

    name: str
    caption: str
    columns: list[Column]
    frame: pd.DataFrame
    limit: int = 40

    @property
    def hidden(self) -> int:
        return max(0, len(self.frame) - self.limit)

    def rows(self) -> Iterator[list[tuple[Column, list[Figure]]]]:
        """Cells: the column, and its figure or figure, low and high."""
        for row in self.frame.head(self.limit).to_dict("records"):
            yield [(column, list(figures(row, column))) for column in self.columns]


def figures(row: dict[str, object], column: Column) -> Iterator[Figure]:
    yield show(row[column.key], column.kind)
    if column.interval and pd.notna(row[f"{column.key}_low"]):
        for end in ("low", "high"):
            yield show(row[f"{column.key}_{end}"], column.kind)


def show(value: object, kind: Kind) -> Figure:
    if kind in (Kind.TEXT, Kind.CHECKSUM):
        text = "–" if value is None else str(value)
        return Figure(text if kind is Kind.TEXT or len(text) <= CHECKSUM else f"{text[:CHECKSUM]}…", None)
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return Figure("–", None)
    number = float(value)  # type: ignore[arg-type]
    return Figure(FORMATS[kind](number), repr(int(number) if kind is Kind.COUNT else number))


def count(number: float) -> str:
    return f"{number:,.0f}"


def share(number: float) -> str:
    """In percent; small ones keep a digit that means something."""
    percent = 100 * number
    digits = 2 if 0 < abs(percent) < 0.95 else 1 if abs(percent) < 99.95 else 0
    # With a no-break space.
    return f"{percent:.{digits}f}\u00a0%"


def decimal(number: float) -> str:
    """Three digits that mean something, and no exponent for what people write without."""
    size = abs(number)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    text = f"{number:,.{digits}f}" if size >= 0.001 or number == 0 else f"{number:.1e}"
    return text.replace("-", "−", 1) if number < 0 else text


def signed(number: float) -> str:
    return f"{'+' if number > 0 else ''}{decimal(number)}"


def signed_share(number: float) -> str:
    return f"{'−' if number < 0 else '+'}{share(abs(number))}"


FORMATS = {
    Kind.COUNT: count,
    Kind.SHARE: share,
    Kind.NUMBER: decimal,
    Kind.CHANGE: signed,
    Kind.RELATIVE: signed_share,
}
