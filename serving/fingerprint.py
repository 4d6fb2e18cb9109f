"""What a TensorRT plan is tied to, and whether this machine is still the one that plans were built on.

Written to NVIDIA's documentation of nvidia-smi and of `getInferLibVersion`; not run, as no GPU was at hand.
"""

import ctypes
import json
import subprocess
from collections.abc import Iterable
from ctypes.util import find_library
from dataclasses import asdict, dataclass
from pathlib import Path

from serving.errors import InstallationError

PLAN, FINGERPRINT = "model.plan", "plan.json"
TARGET = "tensorrt"  # plans are served by configs/tensorrt.pbtxt
LIBRARIES = ("libnvinfer.so.11", "libnvinfer.so.10")


@dataclass(frozen=True)
class Fingerprint:
    """GPU by name, compute capability as `9.0`, driver version, and TensorRT version as `10.13.2`."""

    gpu: str
    compute_capability: str
    driver: str
    tensorrt: str


def read_fingerprint() -> Fingerprint:
    """Of this machine's first GPU. Raises InstallationError where there is no GPU or no TensorRT."""
    query = ["nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader", "--id=0"]
    try:
        printed = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise InstallationError(f"there is no NVIDIA GPU: {error}", "Run it in the container, with --gpus.") from error
    gpu, capability, driver = (part.strip() for part in printed.splitlines()[0].split(","))
    return Fingerprint(gpu, capability, driver, read_tensorrt_version())


def read_tensorrt_version() -> str:
    """Of the TensorRT library that a server on this machine loads."""
    for name in (*LIBRARIES, find_library("nvinfer")):
        try:
            number = ctypes.CDLL(name).getInferLibVersion() if name else 0
        except OSError:
            continue
        if number:
            return spell_version(number)
    raise InstallationError("there is no TensorRT library", "Run it in NVIDIA's Triton container.")


def spell_version(number: int) -> str:
    """TensorRT 10 and later count major * 10000 + minor * 100 + patch."""
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def check_plans(repositories: Iterable[Path]) -> None:
    """Refuse plans that were built for another GPU, driver or TensorRT: at best they would not load.

    Raises InstallationError with the first that differs.
    """
    written = [path for repository in repositories for path in sorted(Path(repository).glob(f"*/*/{FINGERPRINT}"))]
    here = read_fingerprint() if written else None
    for path in written:
        built = Fingerprint(**json.loads(path.read_text()))
        if here and built != here:
            differing = {key: value for key, value in asdict(built).items() if asdict(here)[key] != value}
            raise InstallationError(
                f"{path.with_name(PLAN)} was built for {differing}, here is {asdict(here)}",
                "Build it on this machine: python -m export --target tensorrt",
            )
