"""What SOURCE may be: a photo, a folder, a glob, a tar shard, or a table; from there to rows of photos, in one order.

Nothing is read ahead: rows come as they are asked for, and photos only say where their bytes are.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pyarrow as pa

from contract.request import FILE_TYPES
from scoring.batches import Rows, gather
from scoring.errors import UsageError
from scoring.photos import Photo, WholeFile
from scoring.storage import HIDDEN, find_type, walk
from scoring.tables import TABLES, Table, unify
from scoring.tars import list_tar

TAR = ".tar"
COMPRESSED = (".tgz", ".gz", ".bz2", ".xz", ".zst", ".zip")
OTHER_TEXTS = (".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson")
OTHER_TABLES = (*OTHER_TEXTS, ".xls", ".xlsx", ".xlsm", ".xlsb", ".ods", ".arrow", ".feather", ".ipc", ".orc", ".avro")
GLOB = re.compile(r"[*?\[]")
OTHER_FILE = "no photo or table by its name"
ACCEPTED = "a source is a photo, folder, glob, .tar, .csv or .parquet"


@dataclass(frozen=True)
class Sources:
    """`names`: as the user gave them; `column`: the tables' photo column, None to find it."""

    names: tuple[str, ...]
    column: str | None = None
    # Files by the reason why the last pass left them out.
    left_out: Counter[str] = field(default_factory=Counter, compare=False)

    def check(self) -> pa.Schema:
        """The columns that the tables carry, of all sources together.

        Raises:
            UsageError: there is no such source, a table cannot be read, or two tables disagree about a column.
        """
        carried = pa.schema([])
        for name in self.names:
            if next(find_paths(name, Counter()), None) is None:
                raise UsageError(f"{name} holds no photo; {ACCEPTED}")
            if is_table(name):
                for path in find_paths(name, Counter()):
                    carried = unify(carried, Table(path, self.column))
        if next(self.rows(carried), None) is None:
            why = "there is a header, but no row" if all(map(is_table, self.names)) else "there is no photo in it"
            raise UsageError(f"{', '.join(self.names)}: {why}{self.describe_left_out()}")
        return carried

    def rows(self, carried: pa.Schema) -> Iterator[Rows]:
        """Photos with the columns `carried`. The same sources give the same rows."""
        self.left_out.clear()
        for name in self.names:
            if is_table(name):
                for path in find_paths(name, self.left_out):
                    yield from Table(path, self.column).rows(carried)
            else:
                yield from gather(list_photos(name, self.left_out), carried)

    def count(self) -> int:
        """Rows of all sources; a pass over the listings, the shards' headers and the tables' rows."""
        return sum(
            sum(Table(path, self.column).count() for path in find_paths(name, Counter()))
            if is_table(name)
            else sum(1 for _ in list_photos(name, Counter()))
            for name in self.names
        )

    def describe_left_out(self) -> str:
        """For the closing line; nothing where all files were photos."""
        counts = ", ".join(f"{count:,} × {reason}" for reason, count in sorted(self.left_out.items()))
        return f"; left out: {counts}" if counts else ""


def list_photos(name: str, left_out: Counter[str]) -> Iterator[Photo]:
    """The photos of a source that is no table."""

    def leave_out(member: str) -> bool:
        is_hidden = any(part.startswith(".") and part not in (".", "..") for part in member.split("/"))
        reason = HIDDEN if is_hidden else OTHER_FILE if get_suffix(member) not in FILE_TYPES else ""
        left_out.update([reason] if reason else [])
        return bool(reason)

    for path in find_paths(name, left_out):
        if get_suffix(path) == TAR:
            yield from list_tar(path, leave_out)
        else:
            yield Photo(path, WholeFile(path))


def find_paths(name: str, left_out: Counter[str]) -> Iterator[str]:
    """The files that a SOURCE stands for; what they are, the suffix of the SOURCE tells. Raises UsageError."""
    try:
        kind = find_type(name)
        if kind != "directory":
            check_name(name)
        if kind == "directory":
            # Spark writes a table as a folder with a table's name.
            wanted = TABLES if is_table(name) else FILE_TYPES
            for path, reason in walk(name):
                reason = reason or ("" if get_suffix(path) in wanted else OTHER_FILE)
                left_out.update([reason] if reason else [])
                yield from [] if reason else [path]
        elif kind is not None:
            yield name
        elif GLOB.search(name):
            yield from match_glob(name, left_out)
        else:
            raise UsageError(f"there is no {name}; {ACCEPTED}")
    except (OSError, ValueError, ImportError) as error:
        raise UsageError(f"{name}: {error}") from None


def check_name(name: str) -> None:
    """Raises UsageError for the name of an archive or table that is not read."""
    if get_suffix(name) in COMPRESSED:
        raise UsageError(f"{name}: photos hardly shrink, and only an uncompressed .tar can be read from its middle")
    if get_suffix(name) in OTHER_TABLES:
        raise UsageError(f"{name}: save the table as CSV with commas, or as Parquet; {ACCEPTED}")


def match_glob(pattern: str, left_out: Counter[str]) -> Iterator[str]:
    """Files that match; `**` stands for any number of folders."""
    # Imported here, as it takes a fifth of a run's start.
    from fsspec.utils import glob_translate

    parts = pattern.split("/")
    fixed = next(index for index, part in enumerate(parts) if GLOB.search(part))
    folder = "/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else ".")
    matches = re.compile(glob_translate(pattern)).match
    for path, reason in walk(folder):
        path = path.removeprefix("./") if folder == "." else path
        if matches(path):
            left_out.update([reason] if reason else [])
            yield from [] if reason else [path]


def is_table(name: str) -> bool:
    return get_suffix(name) in TABLES


def get_suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
