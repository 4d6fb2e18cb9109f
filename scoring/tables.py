"""A Parquet or CSV table with a column of photos: paths, URIs, or the encoded files themselves."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import parquet, types

from scoring.batches import ROWS_AT_A_TIME, Rows
from scoring.csv_text import advise_delimiter, read_header, read_values
from scoring.errors import UsageError
from scoring.photos import Cell, Missing, Photo, WholeFile
from scoring.signatures import is_picture
from scoring.storage import join, open_file

CSV = ".csv"
TABLES = frozenset([CSV, ".parquet", ".pq"])
# Names that a photo column may have without being told.
USUAL_NAMES = ("path", "file", "filename", "photo", "image", "url", "uri", "source")
PARTITION = re.compile(r"([^=/]+)=([^/]*)(?=/)")
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
FEW_ROWS, BUFFER_BYTES = 8, 65536
ERRORS = (OSError, ValueError, ImportError, pa.ArrowException)


@dataclass(frozen=True)
class Table:
    """`path`: its location; `wanted`: the photo column, None to find it."""

    path: str
    wanted: str | None = None

    @cached_property
    def schema(self) -> pa.Schema:
        """The carried columns: all but the photo column, and those of folders such as day=1/, as text.

        Raises:
            UsageError: the table cannot be read, or no column holds photos.
        """
        own = [loosen(field) for field in self.full_schema if field.name != self.photo.name]
        return pa.schema([*own, *((name, pa.string()) for name in self.partition)])

    @cached_property
    def photo(self) -> pa.Field:
        """The column of the photos."""
        fields = {field.name: field for field in self.full_schema}
        chosen = self.find_photo_column(fields) if self.wanted is None else self.wanted
        if chosen not in fields or not is_photo_type(fields[chosen].type):
            names = ", ".join(f"{name!r} ({field.type})" for name, field in fields.items())
            raise UsageError(
                f"{self.path}: name the column of paths or bytes with --column; there are {names}"
                f"{advise_delimiter(fields) if self.is_csv else ''}"
            )
        return fields[chosen]

    def find_photo_column(self, fields: dict[str, pa.Field]) -> str | None:
        """The only bytes column, unless it may be a digest; or else the first with a usual name."""
        binary = [name for name, field in fields.items() if is_bytes(field.type)]
        usual = [name for name in USUAL_NAMES if name in fields and is_photo_type(fields[name].type)]
        if len(binary) == 1:
            (only,) = binary
            others = [name for name in usual if name != only]
            is_clear = types.is_struct(fields[only].type) or (only in usual and not others)
            return only if is_clear or self.holds_pictures(only) else next(iter(others), None)
        return next(iter(usual), None)

    def holds_pictures(self, column: str) -> bool:
        """Whether one of the column's first values begins as a picture. pyarrow reads a digest as bytes, too."""
        try:
            with open_file(self.path) as file:
                # With a buffer, a row group's column is not read whole.
                batches = parquet.ParquetFile(file, buffer_size=BUFFER_BYTES).iter_batches(FEW_ROWS, columns=[column])
                values = (list(filter(None, batch.column(0).to_pylist())) for batch in batches)
                return any(map(is_picture, next(filter(None, values), [])))
        except ERRORS as error:
            raise UsageError(f"{self.path} is no table that can be read: {error}") from None

    @cached_property
    def full_schema(self) -> pa.Schema:
        """The columns of the file itself."""
        try:
            if self.is_csv:
                schema = pa.schema([(name, pa.string()) for name in read_header(self.path)])
            else:
                with open_file(self.path) as file:
                    schema = parquet.ParquetFile(file).schema_arrow.remove_metadata()
        except ERRORS as error:
            raise UsageError(f"{self.path} is no table that can be read: {error}") from None
        if twice := [name for name, count in Counter(schema.names).items() if count > 1]:
            raise UsageError(f"{self.path} has several columns {', '.join(map(repr, twice))}; rename all but one")
        return schema

    @cached_property
    def partition(self) -> dict[str, str | None]:
        """Values that stand in the names of its folders."""
        found = {unquote(name): unquote(value) for name, value in PARTITION.findall(self.path)}
        return {
            name: None if value == NO_VALUE else value
            for name, value in found.items()
            if name not in self.full_schema.names
        }

    @property
    def is_csv(self) -> bool:
        return PurePosixPath(self.path).suffix.lower() == CSV

    def count(self) -> int:
        """Rows."""
        if self.is_csv:
            return sum(map(len, read_values(self.path, ROWS_AT_A_TIME)))
        with open_file(self.path) as file:
            return parquet.read_metadata(file).num_rows

    def rows(self, carried: pa.Schema) -> Iterator[Rows]:
        """The rows, some at a time. Raises UsageError for a table that breaks off."""
        done = 0
        try:
            for some in self.read_csv(carried) if self.is_csv else self.read_parquet(carried):
                yield some
                done += len(some.photos)
        except ERRORS as error:
            raise UsageError(
                f"{self.path} cannot be read behind row {done:,}: {error}; mend it, and the same command goes on"
            ) from None

    def read_csv(self, carried: pa.Schema) -> Iterator[Rows]:
        for records in read_values(self.path, ROWS_AT_A_TIME):
            columns = [pa.array(values, pa.string()) for values in zip(*records, strict=True)]
            yield self.find_rows(pa.table(columns, schema=self.full_schema), carried)

    def read_parquet(self, carried: pa.Schema) -> Iterator[Rows]:
        """Photos in a bytes column are not read here: each is a cell, read when its turn comes."""
        with open_file(self.path) as file:
            table = parquet.ParquetFile(file)
            own = [field.name for field in self.full_schema if field.name != self.photo.name]
            first = 0
            for group in range(table.num_row_groups):
                if is_bytes(self.photo.type):
                    yield from self.read_cells(table, group, first, own, carried)
                else:
                    batches = table.iter_batches(ROWS_AT_A_TIME, [group], [*own, self.photo.name])
                    yield from (self.find_rows(pa.Table.from_batches([batch]), carried) for batch in batches)
                first += table.metadata.row_group(group).num_rows

    def read_cells(
        self, table: parquet.ParquetFile, group: int, first: int, own: list[str], carried: pa.Schema
    ) -> Iterator[Rows]:
        """A row group whose first row is row `first` of the table."""
        rows = table.metadata.row_group(group).num_rows
        columns = table.read_row_group(group, own)
        for start in range(0, rows, ROWS_AT_A_TIME):
            numbers = range(start, min(start + ROWS_AT_A_TIME, rows))
            cells = [Cell(self.path, self.photo.name, group, row) for row in numbers]
            photos = [Photo(f"{self.path}#{first + cell.row}", cell) for cell in cells]
            yield Rows(photos, self.conform(columns[start : numbers.stop], len(numbers), carried))

    def find_rows(self, table: pa.Table, carried: pa.Schema) -> Rows:
        photos = [self.find(path) for path in table[self.photo.name].to_pylist()]
        return Rows(photos, self.conform(table, len(photos), carried))

    def conform(self, table: pa.Table, rows: int, carried: pa.Schema) -> pa.Table:
        """The columns `carried`, with nulls for those that this table lacks."""
        return pa.table([self.get_column(table, rows, field) for field in carried], schema=carried)

    def get_column(self, table: pa.Table, rows: int, field: pa.Field) -> pa.Array | pa.ChunkedArray:
        if field.name in self.partition:
            return pa.repeat(pa.scalar(self.partition[field.name], pa.string()), rows).cast(field.type)
        if field.name not in self.schema.names:
            return pa.nulls(rows, field.type)
        column = table[field.name]
        return column if column.type == field.type else column.cast(field.type)

    def find(self, path: str | None) -> Photo:
        """A relative path starts in the table's folder."""
        if not path:
            return Photo(self.path, Missing("the row has no photo"))
        location = join(os.path.dirname(self.path), path)
        return Photo(location, WholeFile(location))


def unify(carried: pa.Schema, table: Table) -> pa.Schema:
    """The columns of other tables and of this one."""
    try:
        return pa.unify_schemas([carried, table.schema], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UsageError(
            f"{table.path} has a column of another type than the tables before it: {error}; "
            "write it with their type, or score it in a run of its own"
        ) from None


def loosen(field: pa.Field) -> pa.Field:
    """A type that tables can share: lists of any size, as Parquet's writer takes no null in those of a fixed one; and a
    dictionary's values, as one table may have text where another has pandas' categories."""
    if types.is_fixed_size_list(field.type):
        return field.with_type(pa.list_(field.type.value_type))
    return field.with_type(field.type.value_type) if types.is_dictionary(field.type) else field


def is_photo_type(kind: pa.DataType) -> bool:
    return is_bytes(kind) or is_text(kind)


def is_bytes(kind: pa.DataType) -> bool:
    """Bytes of any width, in a dictionary or not, or Hugging Face's struct of `bytes` and `path`."""
    if types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and is_bytes(kind.field("bytes").type)
    if types.is_dictionary(kind):
        return is_bytes(kind.value_type)
    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)


def is_text(kind: pa.DataType) -> bool:
    if types.is_dictionary(kind):
        return is_text(kind.value_type)
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
