"""A Parquet or CSV table with a column of photos: paths, URIs, or the encoded files themselves."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

import pyarrow as pa
from pyarrow import csv, parquet

from scoring.blocks import PHOTOS_PER_BLOCK, Block, conform
from scoring.errors import UsageError
from scoring.photos import Cell, Nowhere, Photo, WholeFile
from scoring.storage import join, open_file

CSV = ".csv"
TABLES = frozenset([CSV, ".parquet", ".pq"])
# Names that a photo column may have without being told.
USUAL_NAMES = ("path", "file", "filename", "photo", "image", "url", "uri", "source")


@dataclass(frozen=True)
class Table:
    """`wanted`: the photo column; None for the only bytes column, or else the first with a usual name."""

    location: str
    wanted: str | None = None

    @cached_property
    def schema(self) -> pa.Schema:
        """The carried columns: all but the photo column, without the table's own metadata.

        Raises:
            UsageError: the table cannot be read, or no column holds photos.
        """
        photo = self.photo.name
        return pa.schema([field for field in self.full_schema if field.name != photo])

    @cached_property
    def photo(self) -> pa.Field:
        """The column of the photos."""
        fields = {field.name: field for field in self.full_schema}
        binary = [name for name, field in fields.items() if is_bytes(field.type)]
        usual = [name for name in USUAL_NAMES if name in fields]
        chosen = self.wanted or next(iter(binary if len(binary) == 1 else usual), None)
        if chosen not in fields or not (is_bytes(fields[chosen].type) or is_text(fields[chosen].type)):
            names = ", ".join(f"{name} ({field.type})" for name, field in fields.items())
            raise UsageError(f"{self.location}: name the column of paths or bytes with --column; there are {names}")
        return fields[chosen]

    @cached_property
    def full_schema(self) -> pa.Schema:
        try:
            with open_file(self.location) as file:
                if self.is_csv:
                    return csv.open_csv(file, READ).schema
                return parquet.ParquetFile(file).schema_arrow.remove_metadata()
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"{self.location} is no table that can be read: {error}") from None

    @property
    def is_csv(self) -> bool:
        return PurePosixPath(self.location).suffix.lower() == CSV

    def count(self) -> int:
        """Rows."""
        with open_file(self.location) as file:
            if self.is_csv:
                return sum(batch.num_rows for batch in csv.open_csv(file, READ))
            return parquet.read_metadata(file).num_rows

    def blocks(self, carried: pa.Schema) -> Iterator[Block]:
        """The rows in blocks. Raises UsageError for a table that breaks off."""
        try:
            with open_file(self.location) as file:
                yield from self.read_csv(file, carried) if self.is_csv else self.read_parquet(file, carried)
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"{self.location} cannot be read further: {error}") from None

    def read_csv(self, file, carried: pa.Schema) -> Iterator[Block]:
        # The first block decides the types, as it did for the schema.
        for batch in csv.open_csv(file, READ):
            table = pa.Table.from_batches([batch])
            for start in range(0, table.num_rows, PHOTOS_PER_BLOCK):
                yield self.make_block(table[start : start + PHOTOS_PER_BLOCK], carried)

    def read_parquet(self, file, carried: pa.Schema) -> Iterator[Block]:
        """Photos in a bytes column are not read here: each is a cell, read when its turn comes."""
        table = parquet.ParquetFile(file)
        own = [field.name for field in self.schema]
        for group in range(table.num_row_groups):
            if is_bytes(self.photo.type):
                yield from self.read_cells(table, group, own, carried)
                continue
            batches = table.iter_batches(PHOTOS_PER_BLOCK, [group], [*own, self.photo.name])
            yield from (self.make_block(pa.Table.from_batches([batch]), carried) for batch in batches)

    def read_cells(self, table: parquet.ParquetFile, group: int, own: list[str], carried: pa.Schema) -> Iterator[Block]:
        before = sum(table.metadata.row_group(each).num_rows for each in range(group))
        rows = table.metadata.row_group(group).num_rows
        columns = conform(table.read_row_group(group, own), carried) if own else None
        for start in range(0, rows, PHOTOS_PER_BLOCK):
            end = min(start + PHOTOS_PER_BLOCK, rows)
            photos = [
                Photo(f"{self.location}#{before + row}", Cell(self.location, self.photo.name, group, row))
                for row in range(start, end)
            ]
            empty = pa.table({"row": range(start, end)})
            yield Block(photos, conform(columns[start:end] if columns is not None else empty, carried))

    def make_block(self, table: pa.Table, carried: pa.Schema) -> Block:
        return Block([self.find(path) for path in table[self.photo.name].to_pylist()], conform(table, carried))

    def find(self, path: str | None) -> Photo:
        """A relative path starts in the table's folder."""
        if not path:
            return Photo(self.location, Nowhere("the row has no photo"))
        location = join(os.path.dirname(self.location), path)
        return Photo(location, WholeFile(location))


READ = csv.ReadOptions(block_size=4 * 1024 * 1024)


def is_bytes(type: pa.DataType) -> bool:
    return pa.types.is_binary(type) or pa.types.is_large_binary(type)


def is_text(type: pa.DataType) -> bool:
    return pa.types.is_string(type) or pa.types.is_large_string(type)
