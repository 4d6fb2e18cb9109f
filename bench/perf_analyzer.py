"""Finds perf_analyzer and the libraries that it needs."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

# perf_analyzer wants these names; the nvidia-pytriton wheel has the libraries under longer ones.
LIBRARIES = {"libb64.so.0d": "libb64-*.so.0d", "libcudart.so.12": "libcudart-*.so.12*"}


def find_perf_analyzer() -> str:
    """Path of the program. Raises FileNotFoundError where the tritonclient wheel did not bring it."""
    search_path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which("perf_analyzer", path=search_path)
    if program is None:
        raise FileNotFoundError("there is no perf_analyzer: pip install -r requirements/serve.txt")
    return program


def make_environment(directory: Path) -> dict[str, str]:
    """The environment with links to the libraries, made in `directory`, on LD_LIBRARY_PATH."""
    libraries = directory / "libraries"
    libraries.mkdir(exist_ok=True)
    for name, pattern in LIBRARIES.items():
        for library in find_wheel_libraries().glob(pattern):
            link = libraries / name
            link.unlink(missing_ok=True)
            link.symlink_to(library)
    paths = [str(libraries), str(find_wheel_libraries()), os.environ.get("LD_LIBRARY_PATH", "")]
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(path for path in paths if path)}


def find_wheel_libraries() -> Path:
    """The folder of the nvidia-pytriton wheel's libraries."""
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the wheel nvidia-pytriton is not installed: pip install -r requirements/serve.txt")
    return Path(spec.origin).parent.parent / "nvidia_pytriton.libs"
