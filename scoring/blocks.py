"""Photos in blocks with the columns that they carry, and blocks in chunks: a chunk's rows become one part."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from scoring.photos import Photo

PHOTOS_PER_BLOCK = 1000
SMALLEST, LARGEST = 16, 2048


@dataclass(frozen=True)
class Block:
    """Photos and, row by row, their carried columns."""

    photos: list[Photo]
    carried: pa.Table


@dataclass(frozen=True)
class Chunk:
    """The rows of part `number`."""

    number: int
    photos: list[Photo]
    carried: pa.Table

    def fingerprint(self) -> str:
        """Tells whether a part was made from the same rows."""
        names = "\n".join(photo.source for photo in self.photos)
        return hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()[:16]


def gather(photos: Iterable[Photo], carried: pa.Schema) -> Iterator[Block]:
    """Photos that carry nothing: nulls in every column."""
    photos = iter(photos)
    while some := list(islice(photos, PHOTOS_PER_BLOCK)):
        yield Block(some, conform(pa.table({"row": range(len(some))}), carried))


def conform(table: pa.Table, carried: pa.Schema) -> pa.Table:
    """The columns `carried` of the table, with nulls for those that it lacks."""
    own = set(table.column_names)
    columns = [
        table[field.name].cast(field.type) if field.name in own else pa.nulls(table.num_rows, field.type)
        for field in carried
    ]
    return pa.table(columns, schema=carried)


def choose_size(start: int) -> int:
    """Rows of the chunk that begins at row `start`: small at first, so that a run that is killed repeats little of what
    it did (a 64th), and large later, so that a million photos become hundreds of parts."""
    return min(max(start // 64, SMALLEST), LARGEST)


def cut(blocks: Iterable[Block]) -> Iterator[Chunk]:
    """Chunks of the blocks' rows, in order."""
    number = start = 0
    photos: list[Photo] = []
    tables: list[pa.Table] = []
    for block in blocks:
        photos, tables = photos + block.photos, [*tables, block.carried]
        while len(photos) >= (size := choose_size(start)):
            carried = pa.concat_tables(tables)
            yield Chunk(number, photos[:size], carried[:size])
            photos, tables = photos[size:], [carried[size:]]
            number, start = number + 1, start + size
    if photos:
        yield Chunk(number, photos, pa.concat_tables(tables))
