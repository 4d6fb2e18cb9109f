"""python -m examples.demo: everything once, on the sample photos: the service, a scored dataset, and its report.

Flags are those of `python -m serving`. It serves until it is stopped with Ctrl-C.
"""

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = ROOT / "examples"
DEMO = ROOT / "runs" / "demo"


def main(flags: list[str]) -> int:
    """Exit status: that of the service."""
    started = time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell in the background has it ignored
        signal.signal(number, signal.default_int_handler)
    command = [sys.executable, "-m", "serving", *flags]
    # In a session of its own, so that Ctrl-C comes here alone.
    service = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        addresses = wait_until_ready(service)
        if addresses:
            report = write_report(addresses["Triton gRPC"])
            print_addresses(addresses["Gateway"], report, time.monotonic() - started)
            pass_on(service)
        return service.wait()
    except KeyboardInterrupt:
        return 0
    except subprocess.CalledProcessError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait()


def wait_until_ready(service: subprocess.Popen) -> dict[str, str]:
    """The service's addresses by the names that it prints; none when it ended."""
    addresses = {}
    assert service.stdout is not None
    for line in service.stdout:
        print(line, end="", flush=True)
        if match := re.fullmatch(r"\s+(\S.*?)\s{2,}(\S+)\n", line):
            addresses[match[1]] = match[2]
        if line.startswith("serving: ready"):
            return addresses
    return {}


def pass_on(service: subprocess.Popen) -> None:
    """What it still has to say, until it ends."""
    assert service.stdout is not None
    for line in service.stdout:
        print(line, end="", flush=True)


def write_report(triton: str) -> Path:
    """Scores the sample photos anew, and reports."""
    shutil.rmtree(DEMO, ignore_errors=True)
    run("scoring", PHOTOS, "--out", DEMO, "--endpoint", triton)
    run("report", DEMO, "--thumbnails")
    return DEMO / "_report" / "report.html"


def run(module: str, *arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, check=True)


def print_addresses(gateway: str, report: Path, seconds: float) -> None:
    page = gateway.rstrip("/")
    print(f"\nEverything is there after {seconds:.0f} s. Stop it with Ctrl-C.")
    for name, address in (("Page", f"{page}/"), ("API", f"{page}/docs"), ("Report", report.as_uri())):
        print(f"  {name:<8}{address}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
