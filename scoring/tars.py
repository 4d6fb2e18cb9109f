"""The photos of a tar shard, known from its headers alone: GNU and PAX names, links, archives joined by `cat`."""

import posixpath
import tarfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from scoring.photos import Location, Missing, Photo, TarMember
from scoring.signatures import HEAD_BYTES, find_compression
from scoring.storage import open_file

BLOCK = tarfile.BLOCKSIZE
MOST_LINKS = 40  # in a row, as in Linux


def list_tar(path: str, leave_out: Callable[[str], bool]) -> Iterator[Photo]:
    """One photo per member that `leave_out` does not take by its name. Links to what comes later stand at the end.

    A shard that breaks off ends with a row that says so. In memory are the names of one shard's members.
    """
    files: dict[str, Location | str] = {}
    waiting: list[str] = []
    try:
        with open_file(path) as file:
            for member in read_members(file):
                if member.isdir():
                    continue
                files[normalise(member.name)] = find_content(path, member)
                if leave_out(member.name):
                    continue
                if (content := follow(files, member.name)) is None:
                    waiting.append(member.name)
                else:
                    yield Photo(f"{path}/{member.name}", content)
    except (OSError, ValueError, ImportError, tarfile.TarError) as error:
        why = find_remedy(path) or f"the shard cannot be read from here on: {error}"
        yield Photo(path, Missing(why))
    for name in waiting:
        yield Photo(f"{path}/{name}", follow(files, name) or Missing("it links to what the shard does not hold"))


def find_remedy(path: str) -> str | None:
    """What to do with a shard that is compressed; None for another fault."""
    try:
        with open_file(path) as file:
            compression = find_compression(file.read(HEAD_BYTES))
    except (OSError, ValueError, ImportError):
        return None
    return compression and f"the shard is compressed by {compression}; only an uncompressed .tar can be read"


def read_members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Raises TarError where it breaks off."""
    with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as tar:
        while True:
            if (member := tar.next()) is not None:
                # Otherwise the tar file remembers every member.
                tar.members = []  # type: ignore[attr-defined]
                yield member
                continue
            # Behind the zeros that end an archive another may follow.
            file.seek(tar.offset)
            block = file.read(BLOCK)
            if not block:
                return
            if len(block) < BLOCK or block.strip(b"\0"):
                raise tarfile.ReadError(f"no header at byte {tar.offset:,}")
            tar.offset += BLOCK


def normalise(name: str) -> str:
    return posixpath.normpath(name).lstrip("/")


def find_content(path: str, member: tarfile.TarInfo) -> Location | str:
    """Where its bytes are, or the name of the member that it links to."""
    if member.islnk():
        return normalise(member.linkname)
    if member.issym():
        return normalise(posixpath.join(posixpath.dirname(member.name), member.linkname))
    if not member.isreg() or member.issparse():
        return Missing("it is no regular file, or a sparse one")
    return TarMember(path, member.offset_data, member.size)


def follow(files: dict[str, Location | str], name: str) -> Location | None:
    """The content of a member, through its links; None if it is not known yet."""
    path = normalise(name)
    for _ in range(MOST_LINKS):
        content = files.get(path)
        if content is not None and not isinstance(content, str):
            return content
        if (target := replace_link(files, path)) is None:
            return None
        path = target
    return None


def replace_link(files: dict[str, Location | str], path: str) -> str | None:
    """The path with its first link, of a folder or the file itself, replaced by what it leads to; None without one."""
    ends = [place for place, letter in enumerate(path) if letter == "/"] + [len(path)]
    for end in ends:
        if isinstance(target := files.get(path[:end]), str):
            return normalise(f"{target}{path[end:]}")
    return None
