"""The folder of parts: written whole or not at all, and read again by the next run."""

import fcntl
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, cast
from uuid import uuid4

import pyarrow as pa
from pyarrow import parquet

from scoring.errors import ScoringError, UsageError
from scoring.schema import MANIFEST, is_permanent, read_metadata
from scoring.storage import OBJECT_STORES, find_local_path, get_protocol, open_store
from scoring.tasks import Row

PART_KEY = b"part"
READ_ONLY = ("http", "https")
ACCEPTED = "it takes a folder, or the URI of a store that can be written, such as s3://bucket/scores"
PREFIX, SUFFIX = "part-", ".parquet"


@dataclass(frozen=True)
class Counts:
    """Rows; how many of them are broken, which asking again would not mend; how many failed otherwise."""

    rows: int = 0
    broken: int = 0
    failed: int = 0

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Counts":
        errors = [row.get("error") for row in rows]
        broken = sum(is_permanent(error) for error in errors)
        return cls(len(errors), broken, sum(error is not None for error in errors) - broken)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.rows + other.rows, self.broken + other.broken, self.failed + other.failed)


@dataclass(frozen=True)
class Part:
    """A finished part, as the mark in its metadata says."""

    number: int
    fingerprint: str
    counts: Counts


class Dataset:
    """`location`: folder or URI; it is made if need be."""

    def __init__(self, location: str) -> None:
        self.location = location
        if get_protocol(location) in READ_ONLY:
            raise UsageError(f"--out {location}: {ACCEPTED}")
        try:
            self._store, self._folder = open_store(location)
            self._store.makedirs(self._folder, exist_ok=True)
            self._list()
        except Exception as error:
            # The drivers of stores raise what they like.
            raise UsageError(f"--out {location}: {error or type(error).__name__}; {ACCEPTED}") from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One run at a time, on a local folder.

        Raises:
            UsageError: another run is writing.
        """
        if (path := find_local_path(self.location)) is None:
            yield
            return
        folder = os.open(path, os.O_RDONLY)
        try:
            lock(folder, self.location)
            yield
        finally:
            os.close(folder)

    def write_part(self, number: int, table: pa.Table, fingerprint: str, counts: Counts) -> None:
        """Write the part, or leave what was there: never half of it."""
        mark = {PART_KEY: json.dumps({"fingerprint": fingerprint} | asdict(counts))}
        sink = pa.BufferOutputStream()
        marked = table.replace_schema_metadata((table.schema.metadata or {}) | mark)
        parquet.write_table(marked, sink, compression="zstd")
        self._write(name_part(number), sink.getvalue())

    def parts(self) -> Iterator[Part]:
        """The finished parts, by number. Raises UsageError for a file that is none."""
        for number in self._list_numbers():
            try:
                with self._open(name_part(number)) as file:
                    mark = json.loads(parquet.read_metadata(file).metadata[PART_KEY])
                yield Part(number, mark.pop("fingerprint"), Counts(**mark))
            except (OSError, ValueError, TypeError, LookupError) as error:
                raise UsageError(
                    f"{self.location}/{name_part(number)} is no part of this version's: {error!r}; remove it, and the "
                    "same command writes it again"
                ) from None

    def read_good_rows(self, number: int) -> list[Row | None]:
        """The rows of a part without their carried columns, None for those that failed."""
        with self._open(name_part(number)) as opened:
            file = parquet.ParquetFile(opened)
            carried = read_metadata(file.schema_arrow)["carried"]
            rows = file.read([name for name in file.schema_arrow.names if name not in carried]).to_pylist()
        return [row if row["error"] is None or is_permanent(row["error"]) else None for row in rows]

    def read_manifest(self) -> dict[str, Any] | None:
        """What the run in this folder was asked for; None for a new one. Raises UsageError for what is no manifest."""
        try:
            with self._open(MANIFEST) as file:
                manifest = json.loads(file.read())
            check_manifest(manifest)
            return manifest
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise UsageError(f"{self.location}/{MANIFEST} is damaged: {error}; give --restart to begin again") from None

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        self._write(MANIFEST, json.dumps(manifest, indent=2).encode())

    def clear(self) -> None:
        """Remove all parts."""
        for number in self._list_numbers():
            self._store.rm_file(f"{self._folder}/{name_part(number)}")

    def remove_leftovers(self) -> None:
        """Remove what a killed run was writing."""
        for name in self._list():
            if name.startswith(".") and name.endswith(".tmp"):
                self._store.rm_file(f"{self._folder}/{name}")

    def _list_numbers(self) -> list[int]:
        names = [name.removeprefix(PREFIX).removesuffix(SUFFIX) for name in self._list() if name.startswith(PREFIX)]
        return sorted(int(name) for name in names if name.isdecimal())

    def _list(self) -> list[str]:
        self._store.invalidate_cache()
        return [path.rstrip("/").rpartition("/")[2] for path in self._store.ls(self._folder, detail=False)]

    def _open(self, name: str) -> BinaryIO:
        return cast(BinaryIO, self._store.open(f"{self._folder}/{name}", "rb"))

    def _write(self, name: str, content: bytes | pa.Buffer) -> None:
        path = f"{self._folder}/{name}"
        is_whole = get_protocol(self.location) in OBJECT_STORES
        aside = path if is_whole else f"{self._folder}/.{name}.{uuid4().hex}.tmp"
        try:
            with self._store.open(aside, "wb") as stream:
                stream.write(content)
            if aside != path:
                self._store.mv(aside, path)
        except NotImplementedError:
            raise UsageError(f"--out {self.location}: {ACCEPTED}") from None
        except OSError as error:
            raise ScoringError(
                f"{self.location}/{name} cannot be written: {error}; the same command goes on from here"
            ) from None


def check_manifest(manifest: Any) -> None:
    """Raises ValueError where the next run could not be compared with it."""
    models = manifest.get("models") if isinstance(manifest, dict) else None
    cards = models.values() if isinstance(models, dict) else [None]
    if not all(isinstance(card, dict) and {"version", "checksum"} <= card.keys() for card in cards):
        raise ValueError("it is no JSON object with `models`, and their `version` and `checksum`")


def lock(folder: int, name: str) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"another run is writing to {name}; wait for its end, or stop it") from None
    except OSError as error:
        # Some network file systems; two runs at a time write the same parts there.
        print(f"scoring: {name} cannot be locked: {error.strerror}", file=sys.stderr, flush=True)


def name_part(number: int) -> str:
    return f"{PREFIX}{number:06d}{SUFFIX}"
