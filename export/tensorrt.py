"""ONNX to a TensorRT plan, by NVIDIA's own trtexec out of the Triton container.

Written to https://docs.nvidia.com/deeplearning/tensorrt/latest/reference/command-line-programs.html and not run, as no
GPU was at hand. The precision is the ONNX network's own: TensorRT 11 knows nothing else, TensorRT 10 is told so.
"""

import os
import shutil
import subprocess
from pathlib import Path

from export.errors import TargetError

IN_THE_CONTAINER = "/usr/src/tensorrt/bin"


def build_plan(network: Path, shape: tuple[int, ...], largest_batch: int, plan: Path) -> None:
    """Write the engine of an ONNX file for batches from 1 to `largest_batch`, fastest at the largest.

    `shape` is that of the input IMAGES without the batch: (height, width, 3). Serving refuses a plan by itself where
    GPU or TensorRT are others.

    Raises:
        TargetError: there is no trtexec here, or it finds no engine for the network; its own log tells why.
    """
    program = shutil.which("trtexec", path=os.pathsep.join([os.environ.get("PATH", ""), IN_THE_CONTAINER]))
    if program is None:
        raise TargetError(
            "there is no trtexec; build plans on the GPU machine, in the serving container (see export/README.md)"
        )
    fresh = plan.with_suffix(".new")
    command = [program, f"--onnx={network}", f"--saveEngine={fresh}", "--stronglyTyped", "--skipInference"]
    command += [f"--{name}Shapes={shapes}" for name, shapes in profile(shape, largest_batch).items()]
    if subprocess.run(command, check=False).returncode:
        raise TargetError(f"{network}: trtexec builds no engine; its log above tells why")
    fresh.replace(plan)


def profile(shape: tuple[int, ...], largest_batch: int) -> dict[str, str]:
    """The optimization profile, as trtexec and ONNX Runtime spell it; none where there is but one shape."""
    if largest_batch == 1:
        return {}
    batches = {"min": 1, "opt": largest_batch, "max": largest_batch}
    return {name: f"IMAGES:{'x'.join(map(str, (batch, *shape)))}" for name, batch in batches.items()}
