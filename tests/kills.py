"""`python -m tests.kills`: twenty kills of Triton under load of 16 clients; minutes, so not part of the tests.

Prints what became of the requests, and how long it took until Triton was ready again; exit status 1 when one was lost.
"""

import argparse
import os
import re
import signal
import sys
import threading
import time
from collections import Counter

from tests.containers.load import load
from tests.serving_process import ROOT, ServingProcess, list_descendants

CLIENTS = 16
CALM_SECONDS = 12.0  # a Triton that stood this long is started again without a pause
ANSWERS = {"200", "500", "503", "504"}  # 500: what Triton says when a stub is away


def kill(serving: ServingProcess, number: signal.Signals) -> float:
    """Seconds that serving says it took until Triton was ready again."""
    for pid, name in list_descendants(serving.pid).items():
        if name.startswith("tritonserver"):
            os.kill(pid, number)
    said = serving.wait_until_again()
    return float(re.findall(r"ready again after ([\d.]+) s", said)[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--signal", default="SIGKILL", help="or SIGABRT, SIGSEGV")
    options = parser.parse_args()
    photo = (ROOT / "examples/sample.jpg").read_bytes()
    with ServingProcess([]) as serving:
        counts: Counter[str] = Counter()
        done = threading.Event()
        address = serving.urls["Gateway"].removeprefix("http://")

        def ask() -> None:
            while not done.is_set():
                counts.update(load(address, photo, CLIENTS, 5.0))

        clients = threading.Thread(target=ask)
        clients.start()
        times = []
        for _ in range(options.kills):
            time.sleep(CALM_SECONDS)
            times.append(kill(serving, signal.Signals[options.signal]))
        done.set()
        clients.join()
    print(f"{options.kills} x {options.signal}: {dict(counts)}; ready again after {min(times)} to {max(times)} s")
    return 0 if set(counts) <= ANSWERS else 1


if __name__ == "__main__":
    sys.exit(main())
