"""A Docker engine: the one that runs, else one that is started here and stopped at the end; an image to build on."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BASE = "image-detection-base"
OFFICIAL = "python:3.12-slim"
PACKAGES = "python3-venv,python3-pip,libpython3.11,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
START_SECONDS = 60


def run(*command: str | Path, check: bool = True, timeout: float = 600) -> str:
    """What a command prints. A failure has everything that it said."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False
    )
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}:\n{done.stdout}")
    return done.stdout


def is_running() -> bool:
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


@contextmanager
def running_engine() -> Iterator[None]:
    """Skips with the reason where there is no engine and none can be started."""
    if not shutil.which("docker"):
        pytest.skip("there is no docker command here")
    if is_running():
        yield
        return
    if not shutil.which("dockerd") or os.geteuid():
        pytest.skip("no Docker engine runs here, and only root can start one, with dockerd")
    with tempfile.NamedTemporaryFile("w+") as log:
        process = subprocess.Popen(["dockerd"], stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for_engine(process, log.name)
            yield
        finally:
            process.terminate()
            process.wait(60)


def wait_for_engine(process: subprocess.Popen, log: str) -> None:
    end = time.monotonic() + START_SECONDS
    while not is_running():
        if process.poll() is not None or time.monotonic() > end:
            last = (Path(log).read_text().splitlines() or ["it said nothing"])[-1]
            pytest.skip(f"dockerd cannot run here: {last}")
        time.sleep(0.5)


def find_base() -> str:
    """The image to build on: PYTHON_IMAGE, or the official one; or, where no registry is reached, one made of Debian's
    packages with the certificates that this machine trusts."""
    if wanted := os.environ.get("PYTHON_IMAGE"):
        return wanted
    for image in (BASE, OFFICIAL):
        if run("docker", "images", "--quiet", image):
            return image
    if subprocess.run(["docker", "pull", "--quiet", OFFICIAL], capture_output=True, check=False).returncode == 0:
        return OFFICIAL
    if not shutil.which("mmdebstrap"):
        pytest.skip("no registry is reached, and there is no mmdebstrap to make an image to build on")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "base.tar"
        certificates = f"--customize-hook=copy-in {CERTIFICATES} {CERTIFICATES.parent}"
        run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", certificates, "bookworm", archive)
        pip = [f"ENV {name}={value}" for name, value in pip_settings().items()]
        run("docker", "import", *(word for each in pip for word in ("--change", each)), archive, BASE)
    return BASE


def pip_settings() -> dict[str, str]:
    """Where pip finds packages, as far as this machine's environment says so."""
    given = {name: os.environ[name] for name in ("PIP_INDEX_URL", "PIP_TRUSTED_HOST") if name in os.environ}
    return {"PIP_CERT": str(CERTIFICATES), **given}
