"""CSV as text: UTF-8, commas, a header, quotes by RFC 4180. Every value stays as it is written."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from scoring.errors import UsageError
from scoring.signatures import HEAD_BYTES, find_compression
from scoring.storage import open_file

MAX_VALUE = 64 * 1024 * 1024
# UTF-32's mark begins as UTF-16's does.
WIDE_ENCODINGS = {
    rb"\xff\xfe\0\0|\0\0\xfe\xff": "UTF-32",
    rb"\xff\xfe|\xfe\xff": "UTF-16",
    rb"[^\0]\0\0\0": "UTF-32LE",
    rb"\0\0\0[^\0]": "UTF-32BE",
    rb"([^\0]\0){2}": "UTF-16LE",
    rb"(\0[^\0]){2}": "UTF-16BE",
}
DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
GO_ON = "mend it there, and the same command goes on"
csv.field_size_limit(MAX_VALUE)


def read_header(path: str) -> list[str]:
    """Names of the columns. Raises UsageError."""
    with open_file(path) as file:
        check_text(path, file.read(HEAD_BYTES))
    header = next(read_records(path), None)
    if header is None:
        raise UsageError(f"{path} is empty")
    for delimiter, name in DELIMITERS.items():
        if len(header) == 1 and delimiter in header[0]:
            raise UsageError(f"{path} has {name} between its values; save it with commas")
    return header


def check_text(path: str, head: bytes) -> None:
    """`head`: the file's first bytes. Raises UsageError where they are no text in UTF-8's way."""
    if compression := find_compression(head):
        raise UsageError(
            f"{path} is compressed by {compression}; a .csv file is plain text, "
            "and an Excel workbook must be saved as CSV"
        )
    if encoding := find_wide_encoding(head):
        raise UsageError(f"{path} is {encoding}; save it as UTF-8, as `iconv -f {encoding} -t UTF-8` does")
    if b"\0" in head.partition(b"\n")[0]:
        raise UsageError(f"{path} has zero bytes in its header, so it is no CSV in UTF-8; save it as such")


def find_wide_encoding(head: bytes) -> str | None:
    """UTF-32 or UTF-16, by its mark or by where a Latin letter's zeros stand."""
    return next((name for pattern, name in WIDE_ENCODINGS.items() if re.match(pattern, head, re.DOTALL)), None)


def advise_delimiter(header: Iterable[str]) -> str:
    """What to say of names that have another delimiter in them."""
    found = [name for delimiter, name in DELIMITERS.items() if any(delimiter in each for each in header)]
    return f"; if {' or '.join(found)} stand between the values, save it with commas" if found else ""


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
