"""The networks' `config.pbtxt`, built as Triton's own protobuf message and written as text."""

from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from export.certificate import Certificate
from export.entry import Accelerator, Model
from export.tasks import TASKS
from export.wiring import add_tensor

HEADER = "# Generated from models.toml by `make export`; do not edit.\n"
QUEUE_SIZE = 128  # requests that wait at one step; more are refused at once
QUEUE_TIMEOUT_US = 10_000_000  # default; a request may ask for less


def to_text(config: pb.ModelConfig) -> str:
    return HEADER + text_format.MessageToString(config)


def network_config(model: Model, certificate: Certificate) -> pb.ModelConfig:
    """The CPU configuration of a network; the container's C++ backend and the stand-in both read it."""
    config = pb.ModelConfig(name=model.name, backend="onnxruntime", max_batch_size=certificate.max_batch_size)
    if model.version:
        config.version_policy.specific.versions.append(model.version)
    else:
        config.version_policy.latest.num_versions = 1
    add_tensor(config.input, "IMAGES", pb.TYPE_UINT8, [model.geometry.height, model.geometry.width, 3])
    for name, kind, dims in TASKS[model.task].network_outputs(certificate.shape):
        add_tensor(config.output, name, kind, dims)
    config.parameters["intra_op_thread_count"].string_value = str(model.threads)
    config.parameters["inter_op_thread_count"].string_value = "1"
    config.parameters["checksum"].string_value = certificate.checksum
    if model.accelerator is not Accelerator.NONE:
        config.optimization.execution_accelerators.cpu_execution_accelerator.add(name=model.accelerator)
    return schedule(config, model.instances)


def schedule(config: pb.ModelConfig, instances: int) -> pb.ModelConfig:
    """Instances on the CPU, dynamic batching, and a bounded queue with a time-out.

    With such a queue Triton 24.10 hands a batch over only to an instance that waits. A single one that has just
    answered does not wait yet, and the request that meets it then lies for half a second: hence two and more.
    """
    config.instance_group.add(kind=pb.ModelInstanceGroup.KIND_CPU, count=instances)
    policy = config.dynamic_batching.default_queue_policy
    policy.timeout_action = pb.ModelQueuePolicy.REJECT
    policy.default_timeout_microseconds = QUEUE_TIMEOUT_US
    policy.allow_timeout_override = True
    policy.max_queue_size = QUEUE_SIZE
    return config


def write_text(path: Path, text: str) -> None:
    """Replace a file in one move, so that a server that loads meanwhile reads the old or the new one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
