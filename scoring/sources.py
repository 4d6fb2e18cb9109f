"""What SOURCE may be: a photo, a folder, a glob, a tar shard, or a table; from there to blocks of photos, in one order.

Nothing is read ahead: blocks come as they are asked for, and photos only tell where their bytes are.
"""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa
from pyarrow import fs

from scoring.blocks import Block, gather
from scoring.errors import UsageError
from scoring.photos import Nowhere, Photo, TarMember, WholeFile
from scoring.storage import find_type, open_file, walk
from scoring.tables import TABLES, Table

JPEG = (".jpg", ".jpeg", ".jfif", ".jp2")
NETPBM = (".pbm", ".pgm", ".ppm", ".pnm")
SUFFIXES = frozenset([*JPEG, *NETPBM, ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"])
TAR = ".tar"
COMPRESSED = (".tgz", ".gz", ".bz2", ".xz", ".zst", ".zip")
GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Sources:
    """`names`: as the user gave them; `column`: the tables' photo column, None to find it."""

    names: tuple[str, ...]
    column: str | None = None

    def check(self) -> pa.Schema:
        """The columns that the tables carry, of all sources together.

        Raises:
            UsageError: there is no such source, a table cannot be read, or two tables disagree about a column.
        """
        schemas = [pa.schema([])]
        for name in self.names:
            paths = find_paths(name)
            if next(paths, None) is None:
                raise UsageError(f"{name} holds no photo; a source is a photo, folder, glob, .tar, .csv or .parquet")
            if get_suffix(name) in TABLES:
                schemas += [Table(path, self.column).schema for path in find_paths(name)]
        try:
            return pa.unify_schemas(schemas)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise UsageError(f"the tables have a column of two types: {error}") from None

    def blocks(self, carried: pa.Schema) -> Iterator[Block]:
        """Blocks of photos with the columns `carried`. The same sources give the same blocks."""
        for name in self.names:
            if get_suffix(name) in TABLES:
                for path in find_paths(name):
                    yield from Table(path, self.column).blocks(carried)
            else:
                yield from gather(list_photos(name), carried)

    def count(self) -> int:
        """Rows of all sources; a pass over the listings, the shards' headers and the tables' rows."""
        return sum(
            sum(Table(path, self.column).count() for path in find_paths(name))
            if get_suffix(name) in TABLES
            else sum(1 for _ in list_photos(name))
            for name in self.names
        )


def list_photos(name: str) -> Iterator[Photo]:
    """The photos of a source that is no table."""
    for path in find_paths(name):
        if get_suffix(path) == TAR:
            yield from list_tar(path)
        else:
            yield Photo(path, WholeFile(path))


def find_paths(name: str) -> Iterator[str]:
    """The files that a SOURCE stands for; what they are, the suffix of the SOURCE tells. Raises UsageError."""
    try:
        kind = find_type(name)
        if get_suffix(name) in COMPRESSED:
            raise UsageError(f"{name}: photos hardly shrink, and only an uncompressed .tar can be read from its middle")
        if kind is fs.FileType.File:
            yield name
        elif kind is fs.FileType.Directory:
            # Spark writes a table as a folder with a table's name.
            wanted = TABLES if get_suffix(name) in TABLES else SUFFIXES
            yield from (path for path in walk(name) if get_suffix(path) in wanted)
        elif GLOB.search(name):
            yield from match_glob(name)
        else:
            raise UsageError(f"there is no {name}; a source is a photo, folder, glob, .tar, .csv or .parquet")
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UsageError(f"{name}: {error}") from None


def match_glob(pattern: str) -> Iterator[str]:
    """Files that match; `**` stands for any number of folders."""
    # Imported here, as it takes a fifth of a run's start.
    from fsspec.utils import glob_translate

    parts = pattern.split("/")
    fixed = next(index for index, part in enumerate(parts) if GLOB.search(part))
    folder = "/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else ".")
    matches = re.compile(glob_translate(pattern)).match
    for path in walk(folder):
        path = path.removeprefix("./") if folder == "." else path
        if matches(path):
            yield path


def list_tar(location: str) -> Iterator[Photo]:
    """The photos of a shard, known from its headers alone. A shard that breaks off ends with a row that says so."""
    try:
        with open_file(location) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            while (member := tar.next()) is not None:
                # Otherwise the tar file remembers every member.
                tar.members = []  # type: ignore[attr-defined]
                if member.isfile() and get_suffix(member.name) in SUFFIXES:
                    place = TarMember(location, member.offset_data, member.size)
                    yield Photo(f"{location}/{member.name}", place)
    except (OSError, tarfile.TarError, pa.ArrowException) as error:
        yield Photo(location, Nowhere(f"the shard cannot be read from here on: {error}"))


def get_suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
