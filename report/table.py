"""A table of the report: shown in HTML with rounded numbers, written as CSV with all digits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

# Letters of a text that the page shows; the CSV file has all.
LONGEST = 160


def text(value: object) -> str:
    shown = str(value)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


def release(value: object) -> str:
    """A version with the beginning of its checksum."""
    shown = str(value)
    return shown if len(shown) <= 24 else f"{shown[:24]}…"


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
    shown = f"{number:,.{digits}f}" if size >= 0.001 or number == 0 else f"{number:.1e}"
    return shown.replace("-", "−", 1) if number < 0 else shown


def signed(number: float) -> str:
    return f"{'+' if number > 0 else ''}{decimal(number)}"


def signed_share(number: float) -> str:
    return f"{'−' if number < 0 else '+'}{share(abs(number))}"


@dataclass(frozen=True)
class Column:
    """One column of the page; `show` makes its figures readable. With `interval`, the frame's `<key>_low` and
    `<key>_high` stand in the same cell."""

    key: str
    heading: str
    show: Callable[..., str] = text
    interval: bool = False

    @property
    def align(self) -> str:
        return "text" if self.show in (text, release) else "number"

    def figures(self, row: dict[str, object]) -> list[tuple[str, object]]:
        """What is shown and the value behind it: the figure, and the two of its interval where it has one."""
        keys = [self.key]
        if self.interval and pd.notna(row[f"{self.key}_low"]):
            keys += [f"{self.key}_low", f"{self.key}_high"]
        return [(self.show(row[key]), row[key]) if pd.notna(row[key]) else ("–", None) for key in keys]


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

    def rows(self) -> Iterator[list[tuple[Column, list[tuple[str, object]]]]]:
        for row in self.frame.head(self.limit).to_dict("records"):
            yield [(column, column.figures(row)) for column in self.columns]
