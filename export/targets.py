"""GPU variants of the networks: Triton's own `configs/<target>.pbtxt`, chosen with `--model-config-name`.

`cuda` is ONNX Runtime on the GPU with its TensorRT accelerator, which builds engines as it loads; `tensorrt` serves
plans that were built before, on the same machine. Both read the same version of the same network.
"""

import json
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path

from tritonclient.grpc import model_config_pb2 as pb

from export.certificate import Certificate, network_checksum
from export.configs import network_config, to_text, write_text
from export.entry import Model, Precision
from export.errors import TargetError
from export.tensorrt import build_plan, tensorrt_version
from serving.errors import InstallationError
from serving.fingerprint import FINGERPRINT, PLAN, read_fingerprint

ENGINE_CACHE = "/var/cache/tensorrt"  # a volume in docker-compose.yml
ACCELERATOR_PRECISION = {Precision.FP32: "FP32", Precision.FP16: "FP16", Precision.INT8: "INT8"}


class Target(StrEnum):
    CUDA = "cuda"
    TENSORRT = "tensorrt"


def config_path(networks: Path, name: str, target: Target) -> Path:
    return networks / name / "configs" / f"{target}.pbtxt"


def cuda_config(model: Model, certificate: Certificate) -> pb.ModelConfig:
    """The CPU's config on one GPU, with the accelerator's engines kept between starts."""
    config = _on_gpu(network_config(model, certificate))
    accelerator = config.optimization.execution_accelerators.gpu_execution_accelerator.add(name="tensorrt")
    accelerator.parameters["precision_mode"] = ACCELERATOR_PRECISION[model.precision]
    accelerator.parameters["trt_engine_cache_enable"] = "1"
    accelerator.parameters["trt_engine_cache_path"] = f"{ENGINE_CACHE}/{model.name}"
    accelerator.parameters["trt_timing_cache_enable"] = "1"
    accelerator.parameters["trt_timing_cache_path"] = ENGINE_CACHE
    return config


def tensorrt_config(model: Model, certificate: Certificate, version: int) -> pb.ModelConfig:
    """The CPU's config with the plan of one version; a newer version has no plan until one is built."""
    config = _on_gpu(network_config(model, certificate))
    config.backend = "tensorrt"
    config.default_model_filename = PLAN
    config.version_policy.specific.versions[:] = [version]
    config.instance_group[0].profile.append("0")
    return config


def _on_gpu(config: pb.ModelConfig) -> pb.ModelConfig:
    config.instance_group[0].kind = pb.ModelInstanceGroup.KIND_GPU
    for name in ("intra_op_thread_count", "inter_op_thread_count"):
        del config.parameters[name]
    config.ClearField("optimization")
    return config


def write_target(target: Target, model: Model, certificate: Certificate, version: int, networks: Path) -> None:
    """Write a target's config, for tensorrt after building the plan.

    Raises:
        TargetError: the plan cannot be built here.
    """
    if target is Target.TENSORRT:
        write_plan(model, certificate, networks / model.name / str(version), networks)
        config = tensorrt_config(model, certificate, version)
    else:
        config = cuda_config(model, certificate)
    write_text(config_path(networks, model.name, target), to_text(config))


def write_plan(model: Model, certificate: Certificate, folder: Path, networks: Path) -> None:
    """model.plan beside the certified model.onnx, with the fingerprint of the machine that serving checks."""
    if certificate.network != network_checksum(folder):
        raise TargetError(f"{folder / 'model.onnx'}: is not the file that was certified; export {model.name} again")
    shape = (model.geometry.height, model.geometry.width, 3)
    version = tensorrt_version()
    plan = build_plan(folder / "model.onnx", shape, certificate.max_batch_size, networks / ".tensorrt-timing-cache")
    try:
        fingerprint = replace(read_fingerprint(), tensorrt=version)
    except InstallationError as error:
        raise TargetError(str(error)) from error
    (folder / PLAN).write_bytes(plan)
    write_text(folder / FINGERPRINT, json.dumps(asdict(fingerprint), indent=2) + "\n")


def refresh_targets(model: Model, certificate: Certificate, version: int, networks: Path) -> None:
    """After an export: bring cuda's config up to date, and drop one of tensorrt whose plan is of another version."""
    if config_path(networks, model.name, Target.CUDA).is_file():
        write_target(Target.CUDA, model, certificate, version, networks)
    if not (networks / model.name / str(version) / PLAN).is_file():
        config_path(networks, model.name, Target.TENSORRT).unlink(missing_ok=True)
