"""A table of the report: shown in HTML with rounded numbers, written as CSV with all digits."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from pandas.api.types import is_numeric_dtype

INTERVAL = ("_low", "_high")


@dataclass(frozen=True)
class Table:
    """`name` is the CSV file's. The page shows `limit` rows and says when there are more.

    A column `<name>_low` and one `<name>_high` are the interval of `<name>`, and stand in its cell.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    limit: int = 40

    @property
    def hidden(self) -> int:
        return max(0, len(self.frame) - self.limit)

    @property
    def more(self) -> str:
        """What the page says of the rows that it does not show."""
        return quantity(self.hidden, "more row is", "more rows are")

    @property
    def columns(self) -> dict[str, str]:
        """The class of each column's cells in HTML."""
        own = [name for name in self.frame if not name.endswith(INTERVAL)]
        return {name: "number" if is_numeric_dtype(self.frame[name]) else "text" for name in own}

    def rows(self) -> Iterator[dict[str, list[tuple[str, object]]]]:
        """Per column the figure, and the two of its interval if there is one: what is shown, and the value behind."""
        for row in self.frame.head(self.limit).to_dict("records"):
            keys = {
                name: [name, *(name + end for end in INTERVAL if pd.notna(row.get(name + end)))]
                for name in self.columns
            }
            yield {name: [show(name, row[key]) for key in keys[name]] for name in keys}


def show(column: str, value: object) -> tuple[str, object]:
    if pd.isna(value):  # type: ignore[call-overload]
        return "–", None
    if isinstance(value, int):
        return f"{value:,}", value
    return (FORMATS.get(column, decimal)(value) if isinstance(value, float) else str(value)), value


def quantity(number: int, one: str, many: str) -> str:
    """A number with the words behind it: 1 photo, 2 photos."""
    return f"{number:,} {one if number == 1 else many}"


def percent(number: float) -> str:
    """Small ones keep a digit that means something."""
    shown = 100 * number
    digits = 2 if 0 < abs(shown) < 0.95 else 1 if abs(shown) < 99.95 else 0
    return f"{shown:.{digits}f}\u00a0%"  # a no-break space


def decimal(number: float) -> str:
    """Three digits that mean something, and no exponent for what people write without."""
    size = abs(number)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    shown = f"{number:,.{digits}f}" if size >= 0.001 or number == 0 else f"{number:.1e}"
    return shown.replace("-", "−", 1) if number < 0 else shown


def signed(number: float) -> str:
    return f"{'+' if number > 0 else ''}{decimal(number)}"


def signed_percent(number: float) -> str:
    return f"{'−' if number < 0 else '+'}{percent(abs(number))}"


FORMATS = {
    "share": percent,
    "difference": signed,
    "relative_difference": signed_percent,
    "median_difference": signed,
    "effect": signed,
}
