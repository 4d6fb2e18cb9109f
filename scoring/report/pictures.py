"""From a row's `source` back to the photo: a file, a member of a shard, or a row of a table with bytes."""

import re
import tarfile

from pyarrow import fs, parquet

from scoring.photos import Cell, Nowhere, Photo, TarMember, WholeFile
from scoring.storage import find_type, open_file
from scoring.tables import Table

MEMBER = re.compile(r"(?P<shard>.+?\.tar)/(?P<member>.+)", re.IGNORECASE | re.DOTALL)
ROW = re.compile(r"(?P<table>.+\.(parquet|pq))#(?P<row>\d+)", re.IGNORECASE | re.DOTALL)


def find_photo(source: str) -> Photo:
    """The photo that `python -m scoring` calls `source`. Raises what its store, shard or table raises."""
    if member := MEMBER.fullmatch(source):
        return Photo(source, find_member(member["shard"], member["member"]))
    if row := ROW.fullmatch(source):
        return Photo(source, find_cell(row["table"], int(row["row"])))
    return Photo(source, WholeFile(source))


def find_member(shard: str, name: str) -> WholeFile | TarMember:
    """A folder may be called .tar as well."""
    if find_type(shard) is not fs.FileType.File:
        return WholeFile(f"{shard}/{name}")
    with open_file(shard) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        member = tar.getmember(name)
        return TarMember(shard, member.offset_data, member.size)


def find_cell(location: str, row: int) -> Cell | Nowhere:
    """The row group that holds the row, and the row's place in it."""
    with open_file(location) as file:
        groups = parquet.read_metadata(file)
        for group in range(groups.num_row_groups):
            rows = groups.row_group(group).num_rows
            if row < rows:
                return Cell(location, Table(location).photo.name, group, row)
            row -= rows
    return Nowhere("the table has fewer rows")
