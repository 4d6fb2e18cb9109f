"""Uploads kept on disk, if asked: each accepted picture under its SHA-256, its answer beside it as JSON."""

import json
import os
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

from gateway.settings import Settings
from gateway.uploads import Upload

CLEANING_INTERVAL_SECONDS = 60.0
# Cleaning makes some room, so that it need not run at every picture.
SHARE_AFTER_CLEANING = 0.9
# A file that is being written, perhaps by another worker; an old one was left by a crash.
UNFINISHED, UNFINISHED_SECONDS = ".part-", 3600.0


class Archive:
    """A folder of bounded size and age. Several workers may write into one."""

    def __init__(self, folder: Path, max_bytes: int, max_days: float) -> None:
        self._folder, self._max_bytes, self._max_seconds = folder, max_bytes, max_days * 86400
        self._lock = threading.Lock()
        self._cleaned = float("-inf")
        self._written = 0
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, upload: Upload, answer: dict) -> None:
        """Store both; the same picture again only gets its newest answer. Disk errors are raised."""
        name = upload.checksum()
        text = json.dumps({key: value for key, value in answer.items() if key != "filename"}, indent=2)
        if not (self._folder / name).exists():
            write_atomically(self._folder / name, upload.data)
        write_atomically(self._folder / f"{name}.json", text.encode())
        with self._lock:
            self._written += len(upload.data) + len(text)
            due = time.monotonic() - self._cleaned > CLEANING_INTERVAL_SECONDS
            if due or self._written > self._max_bytes * (1 - SHARE_AFTER_CLEANING):
                self.clean()

    def clean(self) -> None:
        """Remove what is too old, then the oldest until the rest is small enough; a picture goes with its answer."""
        self._cleaned, self._written = time.monotonic(), 0
        ages: dict[str, float] = defaultdict(float)
        sizes: dict[str, int] = defaultdict(int)
        for entry in os.scandir(self._folder):
            name = entry.name.removesuffix(".json")
            try:
                status = entry.stat()
            except FileNotFoundError:  # another worker cleans too
                continue
            if name.startswith(UNFINISHED) and time.time() - status.st_mtime < UNFINISHED_SECONDS:
                continue
            ages[name] = max(ages[name], status.st_mtime)
            sizes[name] += status.st_size
        room = self._max_bytes * SHARE_AFTER_CLEANING
        for name in sorted(ages, key=ages.__getitem__, reverse=True):
            room -= sizes[name]
            if room < 0 or time.time() - ages[name] > self._max_seconds:
                (self._folder / name).unlink(missing_ok=True)
                (self._folder / f"{name}.json").unlink(missing_ok=True)


def create_archive(settings: Settings) -> Archive | None:
    """The archive that the settings ask for, if any."""
    if settings.upload_folder is None:
        return None
    return Archive(settings.upload_folder, settings.upload_folder_bytes, settings.upload_folder_days)


def write_atomically(path: Path, data: bytes) -> None:
    """Readers see the whole file or none."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
