"""Cases 12 and 24: tables as spreadsheets, databases and other tools write them, scored in bulk."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas
from pyarrow import parquet

from tests.cases import ROOT
from tests.cases.check import Check, same, says
from tests.cases.workplace import Ended, Workplace

# Carried columns of CSV, which stay as they are written.
CARRIED = {
    "leading_zeros": {"user_id": ["00123", "00045"], "zip": ["01010", "10001"], "likes": ["5", "7"]},
    "big_ints": {"post_id": ["12345678901234567890", "98765432109876543210"]},
    "bom": {"likes": ["5"]},
    "crlf_quotes": {"text": ['said "hi", ok']},
    "newline_in_caption": {"text": ["line one\nline two", "plain"]},
    "index_column": {"": ["0", "1"], "likes": ["5", "6"]},
    "booleans_dates": {"verified": ["true"], "day": ["2024-05-01"], "share": ["0.50"]},
    "file_uri": {"likes": ["5"]},
}
# Refused with status 2 and one line with these words.
REFUSED = {
    "latin1_name": "UTF-8",
    "utf16": "UTF-16",
    "semicolon": "semicolons",
    "tab": "tabs",
    "duplicate_columns": "several columns 'id'",
    "ragged": "line 2: 3 values for 2 columns",
    "space_header": "' path '",
    "header_only": "a header, but no row",
}
# Rows whose photo is not there: status 1, and the row says why.
MISSING = {"windows_paths": 1, "home_path": 1, "nan_paths": 4}
# The column, and what its last row holds.
LATE = {"null_then_text": ("note", "hello"), "int_then_text": ("likes", "1.2k"), "int_then_float": ("likes", "12.5")}
ROWS = 60_000


def try_csv(workplace: Workplace) -> Iterator[Check]:
    tables = workplace.scratch / "tables"
    workplace.make("12", tables)

    def score(name: str) -> tuple[Ended, Path]:
        return workplace.score(tables / f"{name}.csv", "--outputs", "smiling")

    for name, columns in CARRIED.items():
        yield from carried(name, columns, score)
    for name, words in REFUSED.items():
        ended, _ = score(name)
        yield same(f"{name}: status", 2, ended.status)
        yield says(f"{name}: message", ended.printed, words)
    for name, missing in MISSING.items():
        yield from lacks(name, missing, score)
    for name, (column, last) in LATE.items():
        yield from changes_late(name, column, last, score)
    yield from long_captions(score)
    yield from keeps_names(workplace, score)
    yield from ends_every_time(workplace, tables / "header_only.csv")


Score = Callable[[str], tuple[Ended, Path]]


def carried(name: str, columns: dict[str, list[str]], score: Score) -> Iterator[Check]:
    ended, out = score(name)
    yield same(f"{name}: status", 0, ended.status)
    rows = parquet.read_table(out).to_pydict()
    yield same(f"{name}: carried", columns, {column: rows.get(column) for column in columns})
    yield same(f"{name}: errors", [None] * len(rows["error"]), rows["error"])


def lacks(name: str, missing: int, score: Score) -> Iterator[Check]:
    ended, out = score(name)
    errors = [error for error in parquet.read_table(out)["error"].to_pylist() if error]
    yield same(f"{name}: status and rows without a photo", (1, missing), (ended.status, len(errors)))


def changes_late(name: str, column: str, last: str, score: Score) -> Iterator[Check]:
    ended, out = score(name)
    values = parquet.read_table(out, columns=[column])[column].to_pylist() if ended.status == 0 else [ended.printed]
    yield same(f"{name}: status, rows and last value", (0, ROWS, last), (ended.status, len(values), values[-1]))


def long_captions(score: Score) -> Iterator[Check]:
    """Line breaks within values, over many blocks."""
    ended, out = score("newlines_over_blocks")
    texts = parquet.read_table(out)["text"].to_pylist()
    whole = all(text.startswith(f"caption {row}\n\nwith lines\n") for row, text in enumerate(texts))
    yield same("newlines_over_blocks: status, rows, whole", (0, 30_000, True), (ended.status, len(texts), whole))


def keeps_names(workplace: Workplace, score: Score) -> Iterator[Check]:
    """Columns that are called as the dataset's own; also when a dataset is scored again."""
    ended, out = score("table_names")
    names = parquet.read_schema(next(out.glob("part-*.parquet"))).names
    yield same("table_names: status, columns twice", (0, []), (ended.status, find_twice(names)))
    yield same("table_names: rows by pandas", 1, len(pandas.read_parquet(out)))
    ended, again = workplace.score(next(out.glob("part-*.parquet")), "--outputs", "smiling")
    names = parquet.read_schema(next(again.glob("part-*.parquet"))).names
    yield same("a dataset scored again: status, columns twice", (0, []), (ended.status, find_twice(names)))


def find_twice(names: list[str]) -> list[str]:
    return [name for name in names if names.count(name) > 1]


def ends_every_time(workplace: Workplace, table: Path) -> Iterator[Check]:
    """As a process of its own: an abort is none of Python's exceptions."""
    command = [
        sys.executable,
        "-m",
        "scoring",
        table,
        "--out",
        workplace.scratch / "none",
        "--endpoint",
        workplace.triton,
    ]
    arguments = [str(each) for each in command]
    statuses = [subprocess.run(arguments, cwd=ROOT, capture_output=True, timeout=120).returncode for _ in range(4)]
    yield same("header_only: status, four times", [2] * 4, statuses)


PARQUET = ("huggingface", "category", "large_string", "string_view", "binary_view", "bytes_and_hash", "nested_carried")


def try_parquet(workplace: Workplace) -> Iterator[Check]:
    tables = workplace.scratch / "parquets"
    workplace.make("24", tables)
    for name in PARQUET:
        ended, out = workplace.score(tables / f"{name}.parquet", "--outputs", "smiling")
        yield same(f"{name}: status", 0, ended.status)
        if ended.status == 0:
            errors = pandas.read_parquet(out)["error"]
            yield same(f"{name}: rows and errors by pandas", (3, 0), (len(errors), errors.count()))
    yield from partitions(workplace, tables / "parts.parquet")
    yield from two_binaries(workplace, tables / "two_binaries.parquet")


def partitions(workplace: Workplace, table: Path) -> Iterator[Check]:
    ended, out = workplace.score(table, "--outputs", "smiling")
    yield same("parts: status", 0, ended.status)
    yield same("parts: day", ["1"] * 3 + ["2"] * 3, parquet.read_table(out)["day"].to_pylist())


def two_binaries(workplace: Workplace, table: Path) -> Iterator[Check]:
    """Two columns of bytes: the one with a usual name, here `path`, or what --column says."""
    for arguments in ((), ("--column", "image")):
        ended, out = workplace.score(table, "--outputs", "smiling", *arguments)
        errors = parquet.read_table(out)["error"].to_pylist() if ended.status == 0 else ended.printed
        yield same(f"two_binaries {' '.join(arguments)}: errors".replace(" :", ":"), [None] * 3, errors)
