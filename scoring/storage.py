"""Files by path or by URI (s3://, gs://, abfs://, hdfs://, and fsspec+<protocol>:// for all that fsspec knows).

Credentials, region and endpoint of a store come from its usual environment variables, such as AWS_ENDPOINT_URL.
"""

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO, cast

from pyarrow import fs


def is_uri(location: str) -> bool:
    return "://" in location


def join(folder: str, name: str) -> str:
    """`name` in `folder`, unless it is a path or URI that stands for itself."""
    if is_uri(name) or name.startswith("/") or not folder:
        return name
    return f"{folder.rstrip('/')}/{name}"


def open_store(location: str) -> tuple[fs.FileSystem, str]:
    """The file system and the path in it.

    Raises:
        ValueError: no file system knows the URI.
    """
    if not is_uri(location):
        return fs.LocalFileSystem(), os.path.abspath(location)
    scheme, _, rest = location.partition("://")
    host, slash, path = rest.partition("/")
    store, root = connect(f"{scheme}://{host}")
    return store, root + slash + path


@lru_cache(maxsize=64)
def connect(uri: str) -> tuple[fs.FileSystem, str]:
    """Once per bucket or host: a connection costs more than a photo."""
    return fs.FileSystem.from_uri(uri)


def open_file(location: str) -> BinaryIO:
    """The file, for reading at any position. Raises OSError."""
    if not is_uri(location):
        return open(location, "rb")
    store, path = open_store(location)
    return cast(BinaryIO, store.open_input_file(path))


def list_folder(location: str) -> tuple[list[str], list[str]]:
    """Names of the files and of the folders in a folder, both sorted, without hidden ones. Raises OSError."""
    entries = list(list_local(location) if not is_uri(location) else list_store(location))
    visible = [(name, is_folder) for name, is_folder in sorted(entries) if not name.startswith(".")]
    return [name for name, is_folder in visible if not is_folder], [name for name, is_folder in visible if is_folder]


def list_local(location: str) -> Iterator[tuple[str, bool]]:
    """Links to folders are not followed: they may lead in circles."""
    with os.scandir(location) as entries:
        for entry in entries:
            if not (entry.is_symlink() and entry.is_dir()):
                yield entry.name, entry.is_dir()


def list_store(location: str) -> Iterator[tuple[str, bool]]:
    store, path = open_store(location)
    for info in store.get_file_info(fs.FileSelector(path)):
        yield info.base_name, info.type is fs.FileType.Directory


def walk(location: str) -> Iterator[str]:
    """Every file below a folder, always in the same order. One folder's names are in memory at a time per level."""
    files, folders = list_folder(location)
    for name in files:
        yield join(location, name)
    for name in folders:
        yield from walk(join(location, name))


def find_type(location: str) -> fs.FileType:
    """Whether there is a file, a folder or nothing. Raises OSError, ValueError."""
    store, path = open_store(location)
    return store.get_file_info(path).type
