"""How long a client may take to send a body."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gateway.problems import RequestTimeout

MAX_POLL_SECONDS = 0.5


class UploadDeadline:
    """Ends the uploads of this process that take longer than `seconds`, so that slow clients hold no threads for ever.

    A socket's own time-out begins anew with every byte, and gunicorn reads until it has all that it was asked for: a
    client that sends a byte now and then would never be noticed. So one thread looks at all uploads under way.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadlines: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None

    @contextmanager
    def limit(self, connection: socket.socket | None) -> Iterator[None]:
        """Read a body from `connection` within the time; without one (another server than gunicorn) there is no limit.

        Raises:
            RequestTimeout: the body did not arrive in time.
        """
        if connection is None:
            yield
            return
        self._start()
        deadline = self._deadlines[connection] = time.monotonic() + self._seconds
        try:
            yield
        finally:
            del self._deadlines[connection]
            if time.monotonic() > deadline:  # whatever a body that was ended early was taken for
                raise RequestTimeout(f"the body took longer than {self._seconds:g} seconds to arrive")

    def _start(self) -> None:
        """At the first upload: a thread that was started before a fork would not be in the worker."""
        with self._lock:
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, daemon=True)
                self._watcher.start()

    def _watch(self) -> None:
        while True:
            time.sleep(min(MAX_POLL_SECONDS, self._seconds / 4))
            now = time.monotonic()
            for connection, deadline in list(self._deadlines.items()):
                if now > deadline:
                    # The read ends as if the client had gone; the answer can still be sent.
                    with suppress(OSError):  # it has gone
                        connection.shutdown(socket.SHUT_RD)
