"""GPU variants of the networks: Triton's own `configs/<target>.pbtxt`, chosen with `--model-config-name`.

`cuda` is ONNX Runtime on the GPU with its TensorRT accelerator and is written with every export; `tensorrt` serves
plans that were built on the same machine before. Both read the same version of the same network.
"""

from enum import StrEnum
from pathlib import Path

from tritonclient.grpc import model_config_pb2 as pb

from contract.tasks import Task
from export.certificate import Certificate, network_checksum
from export.configs import network_config, to_text, write_text
from export.entry import Model
from export.errors import TargetError
from export.tensorrt import build_plan, profile

PLAN = "model.plan"
ENGINE_CACHE = "/var/cache/tensorrt"  # a volume in docker-compose.yml


class Target(StrEnum):
    CUDA = "cuda"
    TENSORRT = "tensorrt"


def config_path(networks: Path, name: str, target: Target) -> Path:
    return networks / name / "configs" / f"{target}.pbtxt"


def cuda_config(model: Model, certificate: Certificate) -> pb.ModelConfig:
    """The CPU's config on one GPU, with engines that are built before the model is ready and kept between starts.

    There is no word of precision: TensorRT 11 takes the network's own.
    """
    config = _on_gpu(network_config(model, certificate))
    parameters = config.optimization.execution_accelerators.gpu_execution_accelerator.add(name="tensorrt").parameters
    parameters["trt_engine_cache_enable"] = "1"
    # ONNX Runtime does not look at weights: a retrained network would be served with the engine of the former one.
    parameters["trt_engine_cache_path"] = f"{ENGINE_CACHE}/{model.name}-{certificate.network.split(':')[-1][:12]}"
    parameters["trt_timing_cache_enable"] = "1"
    parameters["trt_timing_cache_path"] = ENGINE_CACHE
    # A decoder's Loop may stay outside of TensorRT, and ONNX Runtime then refuses a profile of the first input alone.
    if model.task is not Task.CAPTION:
        for name, shapes in profile(_shape(model), certificate.max_batch_size).items():
            parameters[f"trt_profile_{name}_shapes"] = shapes
    _warm_up(config, model, certificate.max_batch_size)
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


def _warm_up(config: pb.ModelConfig, model: Model, largest_batch: int) -> None:
    """Engines are built by the first request of a shape: by Triton itself, before it says that the model is ready."""
    for batch in sorted({1, largest_batch}):
        images = config.model_warmup.add(name=f"batch of {batch}", batch_size=batch).inputs["IMAGES"]
        images.data_type, images.zero_data = pb.TYPE_UINT8, True
        images.dims[:] = _shape(model)


def _shape(model: Model) -> tuple[int, int, int]:
    return model.geometry.height, model.geometry.width, 3


def write_target(target: Target, model: Model, certificate: Certificate, version: int, networks: Path) -> None:
    """Write a target's config, for tensorrt after building the plan.

    Raises:
        TargetError: the plan cannot be built here.
    """
    if target is Target.TENSORRT:
        write_plan(model, certificate, networks / model.name / str(version))
        config = tensorrt_config(model, certificate, version)
    else:
        config = cuda_config(model, certificate)
    write_text(config_path(networks, model.name, target), to_text(config))


def write_plan(model: Model, certificate: Certificate, folder: Path) -> None:
    """model.plan beside the certified model.onnx."""
    if certificate.network != network_checksum(folder):
        raise TargetError(f"{folder / 'model.onnx'}: is not the file that was certified; export {model.name} again")
    build_plan(folder / "model.onnx", _shape(model), certificate.max_batch_size, folder / PLAN)


def refresh_targets(model: Model, certificate: Certificate, version: int, networks: Path) -> None:
    """After an export: bring cuda's config up to date, and drop one of tensorrt whose plan is of another version."""
    write_target(Target.CUDA, model, certificate, version, networks)
    if not (networks / model.name / str(version) / PLAN).is_file():
        config_path(networks, model.name, Target.TENSORRT).unlink(missing_ok=True)
