"""Which photos were answered already, by content, and where: a temporary SQLite file, 40 MB for a million photos."""

import sqlite3
from tempfile import TemporaryDirectory

from scoring.dataset import Dataset, Part


class Seen:
    """The finished parts' photos. Not thread-safe."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._folder = TemporaryDirectory(prefix="scoring-")
        self._database = sqlite3.connect(f"{self._folder.name}/seen", check_same_thread=False)
        # The file is of no use after a crash.
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute("CREATE TABLE seen (photo BLOB PRIMARY KEY, part INT, row INT) WITHOUT ROWID")

    def add(self, part: Part) -> None:
        rows = ((bytes.fromhex(sha)[:16], part.number, row) for row, sha in enumerate(part.known) if sha)
        with self._database:
            self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", rows)

    def find(self, sha256: str) -> dict | None:
        """The row that has the photo's answer."""
        query = "SELECT part, row FROM seen WHERE photo = ?"
        found = self._database.execute(query, [bytes.fromhex(sha256)[:16]]).fetchone()
        if found is None:
            return None
        part, row = found
        return self._dataset.read_part(part)[row : row + 1].to_pylist()[0]

    def close(self) -> None:
        self._database.close()
        self._folder.cleanup()
