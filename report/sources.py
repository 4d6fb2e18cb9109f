"""From a row's `source` back to the photo: a file, a member of a tar, or a row of a table."""

import re
import tarfile

from pyarrow import parquet

from scoring.photos import Cell, WholeFile
from scoring.storage import find_type, open_file
from scoring.tables import Table

TAR_MEMBER = re.compile(r"(?P<shard>.+?\.tar)/(?P<member>.+)", re.IGNORECASE | re.DOTALL)
TABLE_ROW = re.compile(r"(?P<table>.+\.(parquet|pq))#(?P<row>\d+)", re.IGNORECASE | re.DOTALL)


def read_photo(source: str) -> bytes:
    """The encoded file: a file of its own, a member of a tar, or a row of a table.

    Raises what its store, tar or table raises; KeyError or IndexError for a member or row that is not there.
    """
    if row := TABLE_ROW.fullmatch(source):
        return read_row(row["table"], int(row["row"]))
    member = TAR_MEMBER.fullmatch(source)
    # A folder may be called .tar as well.
    if member and find_type(member["shard"]) == "file":
        return read_member(member["shard"], member["member"])
    return WholeFile(source).read()


def read_member(shard: str, name: str) -> bytes:
    with open_file(shard) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        member = tar.extractfile(name)
        if member is None:
            raise KeyError(name)
        return member.read()


def read_row(table: str, row: int) -> bytes:
    """From the row group that holds the row: Parquet has no smaller unit."""
    with open_file(table) as file:
        metadata = parquet.read_metadata(file)
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if row < rows:
            return Cell(table, Table(table).photo.name, group, row).read()
        row -= rows
    raise IndexError("the table has fewer rows")
