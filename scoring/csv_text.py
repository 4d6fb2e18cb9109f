"""CSV as text: UTF-8, commas, a header, quotes by RFC 4180. Every value stays as it is written."""

import csv
import io
from collections.abc import Iterator
from itertools import islice

from scoring.errors import UsageError
from scoring.storage import open_file

MAX_VALUE = 64 * 1024 * 1024
DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
GO_ON = "mend it there, and the same command goes on"
csv.field_size_limit(MAX_VALUE)


def read_header(path: str) -> list[str]:
    """Names of the columns. Raises UsageError."""
    with open_file(path) as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise UsageError(f"{path} is UTF-16; save it as UTF-8, as `iconv -f UTF-16 -t UTF-8` does")
    header = next(read_records(path), None)
    if header is None:
        raise UsageError(f"{path} is empty")
    for delimiter, name in DELIMITERS.items():
        if len(header) == 1 and delimiter in header[0]:
            raise UsageError(f"{path} has {name} between its values; save it with commas")
    return header


def read_values(path: str, rows: int) -> Iterator[list[list[str]]]:
    """The records below the header, `rows` at a time. Raises UsageError."""
    records = read_records(path)
    next(records, None)
    while some := list(islice(records, rows)):
        yield some


def read_records(path: str) -> Iterator[list[str]]:
    width = 0
    with open_file(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        reader = csv.reader(text, strict=True)
        try:
            for record in reader:
                if record and len(record) != (width := width or len(record)):
                    raise UsageError(
                        f"{path}, line {reader.line_num:,}: {len(record)} values for {width} columns; a value with a "
                        f"comma needs quotes. {GO_ON.capitalize()}"
                    )
                if record:
                    yield record
        except UnicodeDecodeError:
            raise UsageError(
                f"{path}, line {find_undecodable(path):,}: this is not UTF-8; save the table as UTF-8, as "
                "`iconv -f WINDOWS-1252 -t UTF-8` does for Excel's"
            ) from None
        except csv.Error as error:
            raise UsageError(f"{path}, line {reader.line_num:,}: {error}; {GO_ON}") from None


def find_undecodable(path: str) -> int:
    """The line, from 1; a decoder reads too far ahead to know it."""
    with open_file(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 0
