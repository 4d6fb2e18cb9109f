"""How fast Triton has been of late."""

import time

FORGET = 0.9  # what each group of photos leaves of the memory of those before


class Pace:
    """Seconds per photo while others wait. Not safe to share between threads."""

    def __init__(self) -> None:
        self._seconds, self._photos = 0.0, 0.0
        self._last: float | None = None  # when a group was answered and others waited

    def note(self, photos: int, waiting: bool) -> None:
        """A group of `photos` was answered just now; `waiting`: there are more, so the next one shows the pace."""
        now = time.monotonic()
        if self._last is not None:
            self._seconds = self._seconds * FORGET + now - self._last
            self._photos = self._photos * FORGET + photos
        self._last = now if waiting else None

    def estimate(self, photos: int) -> float:
        """Seconds for so many, 0 where nothing is known."""
        return photos * self._seconds / self._photos if self._photos else 0.0
