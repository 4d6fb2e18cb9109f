"""A photo of the sources: its name, and the location that its bytes are read from when its turn comes."""

import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import pyarrow as pa
from pyarrow import parquet

from scoring.storage import join, open_file

# Far above any photo; a video or a disk image with a photo's name must not fill the memory.
MAX_BYTES = 64 * 1024 * 1024
reading_cells = threading.Lock()


class Unreadable(Exception):
    """The photo's bytes cannot be had; the message says why."""


class Location(Protocol):
    """Where the bytes of a photo are."""

    def read(self) -> bytes:
        """Raises Unreadable, OSError, or what its store's driver raises."""


@dataclass(frozen=True, slots=True)
class Photo:
    """`source`: what the dataset calls it."""

    source: str
    location: Location

    def read(self) -> bytes:
        """The encoded file.

        Raises:
            Unreadable: it is not there, too large, or its store does not give it.
        """
        try:
            return self.location.read()
        except Unreadable:
            raise
        except Exception as error:
            # The drivers of stores raise what they like.
            raise Unreadable(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error


@dataclass(frozen=True, slots=True)
class WholeFile:
    path: str

    def read(self) -> bytes:
        with open_file(self.path) as file:
            check_size(file.seek(0, os.SEEK_END))
            file.seek(0)
            return file.read()


@dataclass(frozen=True, slots=True)
class TarMember:
    """`size` bytes from `offset` of an uncompressed tar file."""

    shard: str
    offset: int
    size: int

    def read(self) -> bytes:
        check_size(self.size)
        with open_file(self.shard) as file:
            file.seek(self.offset)
            content = file.read(self.size)
        if len(content) < self.size:
            raise Unreadable("the shard ends in the middle of the photo")
        return content


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of a Parquet file's column of bytes, or of Hugging Face's struct of `bytes` and `path`."""

    table: str
    column: str
    group: int
    row: int

    def read(self) -> bytes:
        with reading_cells:
            content = read_group(self.table, self.column, self.group)[self.row].as_py()
        if isinstance(content, dict):
            if content["bytes"] is None and content.get("path"):
                return WholeFile(join(os.path.dirname(self.table), content["path"])).read()
            content = content["bytes"]
        if content is None:
            raise Unreadable("the row has no photo")
        check_size(len(content))
        return content


@dataclass(frozen=True, slots=True)
class Missing:
    """A row that names no photo, or a shard whose rest is lost."""

    why: str

    def read(self) -> bytes:
        raise Unreadable(self.why)


@lru_cache(maxsize=2)
def read_group(table: str, column: str, group: int) -> pa.ChunkedArray:
    """A row group's column: Parquet has no smaller unit that can be read by itself."""
    with open_file(table) as file:
        return parquet.ParquetFile(file).read_row_group(group, columns=[column])[column]


def check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise Unreadable(f"{size:,} bytes are more than a photo's {MAX_BYTES:,}")
