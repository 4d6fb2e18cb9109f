"""Files by path or by URI (file://, s3://, gs://, abfs://, hdfs://, and every other protocol that fsspec knows).

All of it goes through fsspec's interface. The stores that pyarrow has drivers for need no package of their own.
Credentials, region and endpoint come from a store's usual environment variables, such as AWS_ENDPOINT_URL.
"""

import errno
import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO, cast
from urllib.parse import unquote

import fsspec
from fsspec import AbstractFileSystem

ARROW_PROTOCOLS = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs")
# They show an object when all of it is there; a file system shows a file from its first byte on.
OBJECT_STORES = ("s3", "gs", "gcs", "abfs", "abfss", "az", "memory")
HIDDEN, LINKED_FOLDER = "hidden", "link to a folder"
SPECIAL_FILE = "no regular file"  # a pipe, socket or device


def is_uri(location: str) -> bool:
    return "://" in location or location.startswith("file:/")


def get_protocol(location: str) -> str:
    """The part before `://`; `file` for a path."""
    return location.partition(":")[0] if is_uri(location) else "file"


def join(folder: str, name: str) -> str:
    """`name` in `folder`, unless it is a path or URI that stands for itself."""
    if is_uri(name) or name.startswith("/") or not folder:
        return name
    return f"{folder.rstrip('/')}/{name}"


def find_local_path(location: str) -> str | None:
    """The path on this machine, None for a location elsewhere. file:///path, file:/path and file://localhost/path are
    the same; not everybody who writes them encodes their blanks."""
    if get_protocol(location) != "file":
        return None
    path = location
    if is_uri(location):
        path = "/" + location.removeprefix("file:").removeprefix("//localhost").lstrip("/")
        path = path if os.path.lexists(path) else unquote(path)
    return os.path.abspath(path)


def open_store(location: str) -> tuple[AbstractFileSystem, str]:
    """The file system and the path in it.

    Raises:
        ValueError, ImportError, OSError: no file system knows the URI, or its driver is not installed.
    """
    if (path := find_local_path(location)) is not None:
        return fsspec.filesystem("file"), path
    if get_protocol(location) not in ARROW_PROTOCOLS:
        return fsspec.url_to_fs(location)
    host, slash, path = location.partition("://")[2].partition("/")
    store, root = connect(f"{get_protocol(location)}://{host}")
    return store, root + slash + path


@lru_cache(maxsize=64)
def connect(uri: str) -> tuple[AbstractFileSystem, str]:
    """Once per bucket or host: a connection costs more than a photo."""
    # Local runs do without it.
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import FileSystem

    store, root = FileSystem.from_uri(uri)
    return ArrowFSWrapper(store, skip_instance_cache=True), root


def open_file(location: str) -> BinaryIO:
    """The file, for reading at any position. Raises OSError, ValueError, ImportError."""
    if (path := find_local_path(location)) is not None:
        check_regular(path)
        return open(path, "rb")
    store, path = open_store(location)
    return cast(BinaryIO, store.open(path, "rb"))


def check_regular(path: str) -> None:
    """Opening a named pipe waits for its writer, for ever. Raises OSError."""
    if is_special(os.stat(path)):
        raise OSError(errno.EINVAL, f"it is {SPECIAL_FILE}", path)


def is_special(status: os.stat_result) -> bool:
    return not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode))


def find_type(location: str) -> str | None:
    """`file`, `directory`, `other` for a pipe, socket or device, or None where there is nothing."""
    store, path = open_store(location)
    try:
        return store.info(path)["type"]
    except FileNotFoundError:
        return None


def walk(location: str) -> Iterator[tuple[str, str]]:
    """Every file below a folder, always in the same order, with "" or the reason why it is left out; a folder that is
    left out counts once. One folder's names are in memory at a time per level. Raises OSError."""
    folders = []
    entries = list_local(location) if get_protocol(location) == "file" else list_store(location)
    for name, is_folder, reason in sorted(entries):
        path = join(location, name)
        if name.startswith("."):
            yield path, HIDDEN
        elif is_folder and not reason:
            folders.append(path)
        else:
            yield path, reason
    for folder in folders:
        yield from walk(folder)


def list_local(location: str) -> Iterator[tuple[str, bool, str]]:
    """Name, whether it is a folder, and "" or the reason why it is left out. fsspec's own listing holds a kilobyte per
    file."""
    with os.scandir(cast(str, find_local_path(location))) as entries:
        for entry in entries:
            yield entry.name, *classify(entry)


def classify(entry: os.DirEntry[str]) -> tuple[bool, str]:
    """Whether it is a folder, and the reason to leave it out. A link that leads nowhere, or in a circle, is a file:
    whoever opens it learns why it cannot be read."""
    try:
        if entry.is_dir():
            return True, LINKED_FOLDER if entry.is_symlink() else ""  # it may lead in circles
        return False, SPECIAL_FILE if not entry.is_file() and is_special(entry.stat()) else ""
    except OSError:
        return False, ""


def list_store(location: str) -> Iterator[tuple[str, bool, str]]:
    store, path = open_store(location)
    for info in store.ls(path, detail=True):
        yield info["name"].rstrip("/").rpartition("/")[2], info["type"] == "directory", ""
