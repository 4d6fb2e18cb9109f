"""Photos with the columns that they carry, and batches of them: a batch's rows become one part."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from scoring.photos import Photo

BATCH_ROWS = 256
ROWS_AT_A_TIME = 1000


@dataclass(frozen=True)
class Rows:
    """Photos and, row by row, their carried columns."""

    photos: list[Photo]
    carried: pa.Table


@dataclass(frozen=True)
class Batch:
    """The rows of part `number`. `again`: an earlier run wrote the part, with rows that failed."""

    number: int
    photos: list[Photo]
    carried: pa.Table
    again: bool = False

    @property
    def first_row(self) -> int:
        return self.number * BATCH_ROWS

    def fingerprint(self) -> str:
        """Says whether a part was made from the same rows."""
        names = "\n".join(photo.source for photo in self.photos)
        return hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()[:16]


def gather(photos: Iterable[Photo], carried: pa.Schema) -> Iterator[Rows]:
    """Photos that carry nothing: nulls in every column."""
    photos = iter(photos)
    while some := list(islice(photos, ROWS_AT_A_TIME)):
        yield Rows(some, pa.table([pa.nulls(len(some), field.type) for field in carried], schema=carried))


def cut(rows: Iterable[Rows]) -> Iterator[Batch]:
    """Batches of the rows, in order."""
    number = 0
    photos: list[Photo] = []
    tables: list[pa.Table] = []
    for each in rows:
        photos, tables = photos + each.photos, [*tables, each.carried]
        while len(photos) >= BATCH_ROWS:
            carried = pa.concat_tables(tables)
            yield Batch(number, photos[:BATCH_ROWS], carried[:BATCH_ROWS])
            photos, tables, number = photos[BATCH_ROWS:], [carried[BATCH_ROWS:]], number + 1
    if photos:
        yield Batch(number, photos, pa.concat_tables(tables))
