"""Lays out the backend directory that the wheel's Triton server needs, mostly out of links.

`python -m serving.backend_directory FOLDER` does so once, for --backend-directory=FOLDER/backends.

<directory>/backends/python/        the Python backend of the wheel, with the stub for the running Python
<directory>/backends/onnxruntime/   this repository's stand-in for the stock ONNX Runtime backend
<directory>/libraries/              Python's shared library, where the wheel does not bring it along
"""

import os
import shutil
import sys
from pathlib import Path

from serving.errors import InstallationError
from serving.installation import Installation, find_wheel
from serving.interpreter import find_libpython
from serving.settings import ROOT


def lay_out_backends(installation: Installation, directory: Path) -> Path:
    """Fill `directory` for the wheel's server and return the folder to give as --backend-directory.

    Raises InstallationError where no program may be run from `directory`: Triton could not map the backend's library.
    """
    if os.statvfs(directory).f_flag & os.ST_NOEXEC:
        raise InstallationError(
            f"{directory} lies on a file system that is mounted noexec, where Triton's backends cannot lie",
            "Set TMPDIR, or have them elsewhere: python -m serving.backend_directory FOLDER; "
            "python -m serving --backend-directory FOLDER/backends",
        )
    backends = directory / "backends"
    python = backends / "python"
    python.mkdir(parents=True)
    # A copy, as Triton refuses a library whose real path lies outside the backend directory.
    shutil.copy(installation.backends / "python/libtriton_python.so", python)
    (python / "triton_python_backend_utils.py").symlink_to(
        installation.backends / "python/triton_python_backend_utils.py"
    )
    # A copy of the stub would not find its libraries: it looks for them relative to its real path.
    (python / "triton_python_backend_stub").symlink_to(installation.stub)
    (backends / "onnxruntime").symlink_to(ROOT / "backends/onnxruntime", target_is_directory=True)
    return backends


def link_libraries(directory: Path) -> Path:
    """A folder that holds nothing but Python's shared library, safe to have on LD_LIBRARY_PATH."""
    libraries = directory / "libraries"
    libraries.mkdir()
    libpython = find_libpython()
    if libpython:
        (libraries / libpython.name).symlink_to(libpython)
    return libraries


def main() -> None:
    """Lay out the folder of the command line, which must be there."""
    print(lay_out_backends(find_wheel(), Path(sys.argv[1])))


if __name__ == "__main__":
    main()
