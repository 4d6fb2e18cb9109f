"""The folder of parts: written whole or not at all, and read again by the next run."""

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

import pyarrow as pa
from pyarrow import fs, parquet

from scoring.answers import is_broken_picture
from scoring.errors import ScoringError, UsageError
from scoring.schema import MANIFEST, read_metadata
from scoring.storage import open_store

# Stores show an object when all of it is there; a file system shows a file from its first byte on.
STORES = ("s3", "gcs", "abfs")
PART_KEY = b"part"
PREFIX, SUFFIX = "part-", ".parquet"


@dataclass(frozen=True)
class Counts:
    """Rows; how many of them are broken pictures; how many failed otherwise."""

    rows: int = 0
    broken: int = 0
    failed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.rows + other.rows, self.broken + other.broken, self.failed + other.failed)


@dataclass(frozen=True)
class Part:
    """A finished part. `known`: the SHA-256 of each row, None where its answer must not be used again."""

    number: int
    fingerprint: str
    counts: Counts
    known: list[str | None]

    @classmethod
    def read(cls, number: int, fingerprint: str, table: pa.Table) -> "Part":
        """`table` has the columns sha256 and error."""
        errors, hashes = table["error"].to_pylist(), table["sha256"].to_pylist()
        broken = [is_broken_picture(error) for error in errors]
        failed = [error is not None and not each for error, each in zip(errors, broken, strict=True)]
        known = [None if each else sha for each, sha in zip(failed, hashes, strict=True)]
        return cls(number, fingerprint, Counts(len(errors), sum(broken), sum(failed)), known)


class Dataset:
    """`location`: folder or URI; it is made if need be."""

    def __init__(self, location: str) -> None:
        self.location = location
        try:
            self._store, self._folder = open_store(location)
            self._store.create_dir(self._folder, recursive=True)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise UsageError(f"--out {location}: {error}") from None
        self._is_store = self._store.type_name in STORES
        self.is_local = isinstance(self._store, fs.LocalFileSystem)
        # Rows of a part that hold copies of each other often come together.
        self.read_part = lru_cache(maxsize=4)(self._read_part)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Other runs wait, on a local folder: one that was killed is still writing what was under way."""
        if not self.is_local:
            yield
            return
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            lock(folder, self.location)
            yield
        finally:
            os.close(folder)

    def write_part(self, number: int, table: pa.Table, fingerprint: str) -> Part:
        """Write the part, or leave what was there: never half of it."""
        mark = {PART_KEY: json.dumps({"number": number, "fingerprint": fingerprint})}
        sink = pa.BufferOutputStream()
        marked = table.replace_schema_metadata((table.schema.metadata or {}) | mark)
        parquet.write_table(marked, sink, compression="zstd")
        self._write(name_part(number), sink.getvalue())
        return Part.read(number, fingerprint, table)

    def parts(self) -> Iterator[Part]:
        """The finished parts, by number."""
        for number in self._list_numbers():
            # parquet.read_table needs ten times as long, and half a second for its imports.
            file = parquet.ParquetFile(self._open(name_part(number)))
            mark = json.loads((file.schema_arrow.metadata or {}).get(PART_KEY, b"{}"))
            table = file.read(["sha256", "error"], use_threads=False)
            yield Part.read(number, mark.get("fingerprint", ""), table)

    def read_manifest(self) -> dict[str, Any] | None:
        """What the run in this folder was asked for; None for a new one."""
        try:
            return json.loads(self._open(MANIFEST).read())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise UsageError(f"{self.location}/{MANIFEST} is damaged: {error}") from None

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        self._write(MANIFEST, pa.py_buffer(json.dumps(manifest, indent=2).encode()))

    def clear(self) -> None:
        """Remove all parts."""
        for number in self._list_numbers():
            self._store.delete_file(f"{self._folder}/{name_part(number)}")

    def remove_leftovers(self) -> None:
        """Remove what a killed run was writing."""
        for info in self._list():
            if info.base_name.startswith(".") and info.base_name.endswith(".tmp"):
                self._store.delete_file(info.path)

    def _read_part(self, number: int) -> pa.Table:
        """Without the carried columns."""
        file = parquet.ParquetFile(self._open(name_part(number)))
        carried = read_metadata(file.schema_arrow)["carried"]
        return file.read([name for name in file.schema_arrow.names if name not in carried])

    def _list_numbers(self) -> list[int]:
        names = [info.base_name for info in self._list() if info.base_name.startswith(PREFIX)]
        return sorted(int(name.removeprefix(PREFIX).removesuffix(SUFFIX)) for name in names if name.endswith(SUFFIX))

    def _list(self) -> list[fs.FileInfo]:
        return self._store.get_file_info(fs.FileSelector(self._folder))

    def _open(self, name: str) -> pa.NativeFile:
        return self._store.open_input_file(f"{self._folder}/{name}")

    def _write(self, name: str, content: pa.Buffer) -> None:
        path = f"{self._folder}/{name}"
        aside = path if self._is_store else f"{self._folder}/.{name}.{uuid4().hex}.tmp"
        try:
            with self._store.open_output_stream(aside) as stream:
                stream.write(content)
            if aside != path:
                self._store.move(aside, path)
        except OSError as error:
            raise ScoringError(f"{self.location}/{name} cannot be written: {error}") from None


def lock(folder: int, name: str) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"scoring: another run is still writing to {name}; waiting for its end", file=sys.stderr, flush=True)
        fcntl.flock(folder, fcntl.LOCK_EX)
    except OSError as error:
        # Some network file systems; two runs at a time write the same parts there.
        print(f"scoring: {name} cannot be locked: {error.strerror}", file=sys.stderr, flush=True)


def name_part(number: int) -> str:
    return f"{PREFIX}{number:06d}{SUFFIX}"
