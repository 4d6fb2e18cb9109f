"""Paths that Triton may hand to a shell: its Python backend starts processes by one, unquoted, up to release 24.10."""

import re
from pathlib import Path

from serving.errors import SettingsError

PLAIN = re.compile(r"[A-Za-z0-9_./@%+=:,-]+")


def is_plain(path: Path | str) -> bool:
    """Whether a shell takes it as it is, as one word."""
    return bool(PLAIN.fullmatch(str(path)))


def make_plain(path: Path, link: Path) -> Path:
    """`path` itself where it is plain, otherwise a new link to it."""
    if is_plain(path):
        return path
    link.symlink_to(path)
    return link


def require_plain(path: Path, what: str) -> None:
    """Refuse a path that cannot be linked. `what` says what it is."""
    if not is_plain(path):
        raise SettingsError(f"{what} {str(path)!r} has characters that mean something to a shell, such as blanks")
