"""Files by path or by the URI of an object store, and the bytes of a photo that a row names as its `source`."""

import os
import re
import tarfile

from fsspec import AbstractFileSystem
from fsspec.implementations.arrow import ArrowFSWrapper
from fsspec.implementations.local import LocalFileSystem
from pyarrow import fs, parquet

TAR_MEMBER = re.compile(r"(?P<shard>.+?\.tar)/(?P<member>.+)", re.IGNORECASE | re.DOTALL)
TABLE_ROW = re.compile(r"(?P<table>.+\.(parquet|pq))#(?P<row>\d+)", re.IGNORECASE | re.DOTALL)


def open_store(location: str) -> tuple[AbstractFileSystem, str]:
    """The file system and the path in it. Raises OSError, or ValueError for a URI that no file system knows."""
    if "://" not in location:
        return LocalFileSystem(), os.path.abspath(location)
    store, path = fs.FileSystem.from_uri(location)
    return ArrowFSWrapper(store), path


def read_photo(source: str) -> bytes:
    """The encoded file: a file of its own, a member of a tar, or a cell of a table.

    Raises what its store, tar or table raises; KeyError or IndexError for a member or row that is not there.
    """
    if row := TABLE_ROW.fullmatch(source):
        return read_cell(row["table"], int(row["row"]))
    member = TAR_MEMBER.fullmatch(source)
    # A folder may be called .tar as well.
    if member and is_file(member["shard"]):
        return read_member(member["shard"], member["member"])
    store, path = open_store(source)
    return store.cat_file(path)


def is_file(location: str) -> bool:
    store, path = open_store(location)
    return store.isfile(path)


def read_member(shard: str, name: str) -> bytes:
    store, path = open_store(shard)
    with store.open(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        member = tar.extractfile(name)
        if member is None:
            raise KeyError(name)
        return member.read()


def read_cell(location: str, row: int) -> bytes:
    """From the first column of bytes, as `python -m scoring` reads it; only the row's group is read."""
    store, path = open_store(location)
    with store.open(path) as file:
        table = parquet.ParquetFile(file)
        column = next(field.name for field in table.schema_arrow if str(field.type).endswith("binary"))
        for group in range(table.num_row_groups):
            rows = table.metadata.row_group(group).num_rows
            if row < rows:
                return table.read_row_group(group, [column]).column(0)[row].as_py()
            row -= rows
    raise IndexError("the table has fewer rows")
