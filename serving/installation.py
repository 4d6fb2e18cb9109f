"""Finds a Triton server: NVIDIA's container (or an installation like it), else the nvidia-pytriton wheel's."""

import importlib.util
import os
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from serving.errors import InstallationError
from serving.interpreter import PYTHON_VERSION

CONTAINER = Path("/opt/tritonserver")


@dataclass(frozen=True)
class Installation:
    """Where the parts of one Triton server lie.

    `embedded` marks the server of the wheel: it has the Python backend only, so its backend directory has to be laid
    out, and it is too old to be reachable from outside.
    """

    binary: Path
    backends: Path
    caches: Path
    libraries: Path
    embedded: bool

    @property
    def stub(self) -> Path:
        """The Python-backend stub of the wheel for the running Python."""
        return self.binary.parent.parent / "python_backend_stubs" / PYTHON_VERSION / "triton_python_backend_stub"


def find_installation(directory: str = "") -> Installation:
    """The installation in `directory`, else the container's, else one on PATH, else the wheel's."""
    if directory:
        return read_installation(Path(directory))
    on_path = shutil.which("tritonserver")
    if (CONTAINER / "bin/tritonserver").is_file():
        return read_installation(CONTAINER)
    if on_path:
        return read_installation(Path(on_path).resolve().parent.parent)
    return find_wheel()


def read_installation(directory: Path) -> Installation:
    """A complete installation, laid out as in NVIDIA's container."""
    binary = directory / "bin/tritonserver"
    if not os.access(binary, os.X_OK):
        raise InstallationError(
            f"there is no tritonserver in {directory}", "Give the folder that holds bin/tritonserver."
        )
    return Installation(binary, directory / "backends", directory / "caches", directory / "lib", embedded=False)


def find_wheel() -> Installation:
    """The server inside the nvidia-pytriton wheel, whose own Python API is neither used nor imported."""
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise InstallationError(
            "there is no Triton server: no /opt/tritonserver, no tritonserver on PATH, no wheel nvidia-pytriton",
            "`make serve` installs the wheel; by hand: pip install -r requirements/serve.txt",
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    server = package / "tritonserver"
    libraries = package.parent / "nvidia_pytriton.libs"
    installation = Installation(
        server / "bin/tritonserver", server / "backends", server / "caches", libraries, embedded=True
    )
    require_stub(installation)
    require_numpy_1()
    return installation


def require_stub(installation: Installation) -> None:
    """The wheel has stubs for certain Python versions only."""
    if not installation.stub.is_file():
        raise InstallationError(
            f"the Triton server of the wheel has no Python backend for Python {PYTHON_VERSION}",
            "Use Python 3.11 or 3.12: remove .venv and run `make serve` with one of them on PATH.",
        )


def require_numpy_1() -> None:
    """With numpy 2 the stub of Triton 24.10 answers every request with silently empty tensors."""
    try:
        installed = version("numpy")
    except PackageNotFoundError:
        raise InstallationError("numpy is not installed", "pip install -r requirements/serve.txt") from None
    if int(installed.split(".")[0]) >= 2:
        raise InstallationError(
            f"numpy {installed} is installed, and with numpy 2 this Triton server returns silently empty tensors",
            "pip install -r requirements/serve.txt (it pins numpy below 2)",
        )
