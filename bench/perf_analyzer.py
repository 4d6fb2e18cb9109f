"""Finds perf_analyzer and the libraries that it needs, and runs it."""

import csv
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tritonclient.grpc import InferenceServerClient

from bench.load import Measured
from bench.service import Service, cpu_seconds

# perf_analyzer wants these names; the nvidia-pytriton wheel has the libraries under longer ones.
LIBRARIES = {"libb64.so.0d": "libb64-*.so.0d", "libcudart.so.12": "libcudart-*.so.12*"}


def run_perf_analyzer(model: str, service: Service, data: Path, concurrency: int, *options: str) -> Measured:
    """Three short windows, measured. `data` is what `write_input_data` wrote; its folder is used for files.

    Raises OSError when perf_analyzer fails.
    """
    table = data.with_suffix(".csv")
    options = ("--concurrency-range", str(concurrency), "--measurement-interval", "1000", *options)
    command = [*make_command(model, service.grpc, data), "-f", str(table), *options]
    images, used = count_images(model, service), cpu_seconds(service.process)
    done = subprocess.run(command, env=make_environment(data.parent), capture_output=True, text=True, check=False)
    images, used = count_images(model, service) - images, cpu_seconds(service.process) - used
    if done.returncode:
        raise OSError(f"perf_analyzer failed for {model}: {(done.stderr or done.stdout).strip()[-300:]}")
    (row,) = csv.DictReader(table.open())
    median, p99 = (float(row[f"{name} latency"]) / 1000 for name in ("p50", "p99"))
    return Measured(float(row["Inferences/Second"]), median, p99, failed=0, cpu=used / images * 1000)


def make_command(model: str, url: str, data: Path) -> list[str]:
    """perf_analyzer on `model` by gRPC, with the photos of `data`.

    Raises FileNotFoundError where the tritonclient wheel did not bring the program.
    """
    search_path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which("perf_analyzer", path=search_path)
    if program is None:
        raise FileNotFoundError("there is no perf_analyzer: pip install -r requirements/serve.txt")
    # On a small busy machine windows never agree within the default 10 %: the first three are taken as they are.
    windows = ("--stability-percentage", "999")
    return [program, "-m", model, "-u", url, "-i", "grpc", "--input-data", str(data), *windows]


def count_images(model: str, service: Service) -> int:
    """Images that a model has answered for."""
    with InferenceServerClient(service.grpc) as client:
        return int(client.get_inference_statistics(model).model_stats[0].inference_count)


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
