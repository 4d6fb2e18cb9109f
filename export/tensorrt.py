"""ONNX to a TensorRT plan, by NVIDIA's Python API for TensorRT 10 and 11.

Written to the documentation (https://docs.nvidia.com/deeplearning/tensorrt/latest/inference-library/python-api-docs.html)
and not run: TensorRT could not be installed where this was made. Networks are strongly typed: the precision is the
ONNX network's own. TensorRT 11 knows no other way and ignores the flag that TensorRT 10 needs.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from export.errors import TargetError

WORKSPACE_BYTES = 4 << 30


def build_plan(network: Path, shape: tuple[int, ...], largest_batch: int, timing_cache: Path) -> bytes:
    """The serialized engine of an ONNX file for batches from 1 to `largest_batch`, fastest at the largest.

    Args:
        shape: of the input IMAGES without the batch: (height, width, 3).
        timing_cache: file with the kernel timings of earlier builds; read if there, and written.

    Raises:
        TargetError: TensorRT is not installed, cannot parse the network, or finds no engine for it.
    """
    trt = _import_tensorrt()
    builder = trt.Builder(trt.Logger(trt.Logger.WARNING))
    parsed = _parse(trt, builder, network)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    config.add_optimization_profile(_profile(builder, shape, largest_batch))
    cache = config.create_timing_cache(timing_cache.read_bytes() if timing_cache.is_file() else b"")
    config.set_timing_cache(cache, ignore_mismatch=False)
    plan = builder.build_serialized_network(parsed, config)
    if plan is None:
        raise TargetError(f"{network}: TensorRT finds no engine; its own log above tells why")
    timing_cache.write_bytes(bytes(config.get_timing_cache().serialize()))
    return bytes(plan)


def tensorrt_version() -> str:
    """Major, minor and patch of the Python package's TensorRT, as in `10.13.2`."""
    return ".".join(_import_tensorrt().__version__.split(".")[:3])


def _import_tensorrt() -> Any:
    try:
        return import_module("tensorrt")
    except ModuleNotFoundError as error:
        raise TargetError(
            "TensorRT's Python package is not installed; build plans on the GPU machine, in the serving container "
            "(export/README.md has the line)"
        ) from error


def _parse(trt: Any, builder: Any, network: Path) -> Any:
    parsed = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(parsed, trt.Logger(trt.Logger.WARNING))
    if not parser.parse(network.read_bytes()):
        causes = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise TargetError(f"{network}: TensorRT cannot parse it: {causes}; serve this model with --target cuda")
    return parsed


def _profile(builder: Any, shape: tuple[int, ...], largest_batch: int) -> Any:
    profile = builder.create_optimization_profile()
    smallest, largest = (1, *shape), (largest_batch, *shape)
    profile.set_shape("IMAGES", smallest, largest, largest)
    return profile
