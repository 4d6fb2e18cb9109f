"""Which Python interpreters can serve. `make` runs this file with each candidate before there is a virtual environment.

Nothing but the standard library is imported, and old interpreters must be able to read the file.
"""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import sys
import sysconfig
from pathlib import Path

from serving.errors import InstallationError

SUPPORTED = ((3, 11), (3, 12))
PYTHON_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def require_version() -> None:
    """Triton 24.10's Python backend needs numpy 1, which Python 3.13 does not have; 3.10 lacks other packages."""
    if sys.version_info[:2] not in SUPPORTED:
        supported = " or ".join(f"{major}.{minor}" for major, minor in SUPPORTED)
        raise InstallationError(
            f"Python {PYTHON_VERSION} cannot run the service",
            f"Install Python {supported}, with its venv module, and put it on PATH.",
        )


def require_platform() -> None:
    """The wheel with the Triton server is made for Linux with glibc 2.35 or newer."""
    library, version = platform.libc_ver()
    if sys.platform != "linux" or library != "glibc" or tuple(map(int, version.split("."))) < (2, 35):
        raise InstallationError(
            f"the embedded Triton server needs Linux with glibc 2.35 or newer, not {sys.platform} {library} {version}",
            "Use Debian 12, Ubuntu 22.04 or newer, or the containers (docker-compose.yml).",
        )


def require_venv() -> None:
    """Debian packages the venv module apart from the interpreter."""
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise InstallationError(
            f"Python {PYTHON_VERSION} has no venv module",
            f"On Debian or Ubuntu: apt-get install python{PYTHON_VERSION}-venv",
        )


def find_libpython() -> Path | None:
    """Python's shared library, which Triton's Python-backend stub links; None where the loader finds it by itself.

    Raises InstallationError where it is missing: many distributions package it apart from the interpreter.
    """
    name = f"libpython{PYTHON_VERSION}.so.1.0"
    library = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib") / name
    if library.is_file():
        return library
    try:
        ctypes.CDLL(name)
    except OSError:
        raise InstallationError(
            f"the shared library {name} is missing, which Triton's Python backend needs",
            f"On Debian or Ubuntu: apt-get install libpython{PYTHON_VERSION}. "
            "With pyenv: build Python with PYTHON_CONFIGURE_OPTS=--enable-shared.",
        ) from None
    return None


def main() -> int:
    """Exit status 0 for an interpreter that can serve, else 1 and the reason."""
    try:
        require_version()
        require_platform()
        require_venv()
        find_libpython()
    except InstallationError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
