"""Clients that send a photo again and again, each time by a new connection; nothing but the standard library.

`python load.py HOST:PORT PHOTO CLIENTS SECONDS` prints how many answers came, by status; `refused`: nobody listened;
`lost`: the photo was taken and not answered.
"""

import json
import secrets
import sys
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from pathlib import Path


def send(address: str, photo: bytes) -> str:
    connection = HTTPConnection(address, timeout=60)
    try:
        connection.connect()
    except OSError:
        return "refused"
    try:
        # Another photo each time, as the gateway remembers answers.
        connection.request("POST", "/v1/analyze", photo + secrets.token_bytes(8), {"Content-Type": "image/jpeg"})
        response = connection.getresponse()
        response.read()
    except (OSError, HTTPException):
        return "lost"
    finally:
        connection.close()
    return str(response.status)


def load(address: str, photo: bytes, clients: int, seconds: float) -> Counter[str]:
    """What became of the requests that `clients` sent within `seconds`."""
    end = time.monotonic() + seconds
    counts: Counter[str] = Counter()

    def ask() -> None:
        while time.monotonic() < end:
            outcome = send(address, photo)
            counts[outcome] += 1
            if outcome in ("refused", "503"):
                time.sleep(0.1)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


if __name__ == "__main__":
    address, photo, clients, seconds = sys.argv[1:]
    print(json.dumps(load(address, Path(photo).read_bytes(), int(clients), float(seconds))))
