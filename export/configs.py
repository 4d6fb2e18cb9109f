"""Every `config.pbtxt`, built as Triton's own protobuf message and written as text."""

import json
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from export.certificate import Certificate
from export.manifest import Accelerator, Decoding, Model, Task
from export.preprocessing import MAX_PIXELS, geometry_of

HEADER = "# Generated from models.toml by `make export`; do not edit.\n"
QUEUE_SIZE = 128  # requests that wait at one step; more are refused at once
QUEUE_TIMEOUT_US = 10_000_000  # default; a request may ask for less
STEP_BATCH = 8  # largest batch of the preprocess and postprocess steps

IMAGE_OUTPUT = ("IMAGE_SIZE", pb.TYPE_INT32, [2])
OUTPUTS = {
    Task.CAPTION: [("CAPTION", pb.TYPE_STRING, [1]), ("CAPTION_SCORE", pb.TYPE_FP32, [1])],
    Task.DETECTION: [
        ("DETECTION_BOXES", pb.TYPE_FP32, [300, 4]),
        ("DETECTION_SCORES", pb.TYPE_FP32, [300]),
        ("DETECTION_LABELS", pb.TYPE_INT32, [300]),
    ],
}

Served = list[tuple[Model, Certificate, int]]  # entry, certificate and version of each network


def to_text(config: pb.ModelConfig) -> str:
    return HEADER + text_format.MessageToString(config)


def network_config(model: Model, certificate: Certificate) -> pb.ModelConfig:
    """The CPU configuration of a network; the container's C++ backend and the stand-in both read it."""
    config = pb.ModelConfig(name=model.name, backend="onnxruntime", max_batch_size=certificate.max_batch_size)
    if model.version:
        config.version_policy.specific.versions.append(model.version)
    else:
        config.version_policy.latest.num_versions = 1
    _add(config.input, "IMAGES", pb.TYPE_UINT8, [model.geometry.height, model.geometry.width, 3])
    for name, kind, dims in network_outputs(model, certificate):
        _add(config.output, name, kind, dims)
    config.parameters["intra_op_thread_count"].string_value = str(model.threads)
    config.parameters["inter_op_thread_count"].string_value = "1"
    config.parameters["checksum"].string_value = certificate.checksum
    if model.accelerator is not Accelerator.NONE:
        config.optimization.execution_accelerators.cpu_execution_accelerator.add(name=model.accelerator)
    return _schedule(config, model.instances)


def network_outputs(model: Model, certificate: Certificate) -> list[tuple[str, int, list[int]]]:
    if model.task is Task.CAPTION:
        return [("TOKENS", pb.TYPE_INT32, certificate.shape), ("SCORE", pb.TYPE_FP32, [1])]
    name = "PROBABILITIES" if model.task is Task.CLASSIFICATION else "PREDICTIONS"
    return [(name, pb.TYPE_FP32, certificate.shape)]


def preprocess_config(served: Served, instances: int) -> pb.ModelConfig:
    """The decode step with the distinct geometries that the networks need."""
    config = pb.ModelConfig(name="preprocess", backend="python", max_batch_size=STEP_BATCH)
    _add(config.input, "IMAGE", pb.TYPE_STRING, [1])
    _add(config.output, *IMAGE_OUTPUT)
    geometries = {geometry_of(model).tensor: model.geometry for model, _, _ in served}
    for tensor, geometry in geometries.items():
        _add(config.output, tensor, pb.TYPE_UINT8, [geometry.height, geometry.width, 3])
    for tensor in sorted({geometry_of(model).tensor for model, _, _ in served if model.task is Task.DETECTION}):
        _add(config.output, f"{tensor}_TRANSFORM", pb.TYPE_FP32, [6])
    described = [geometry.model_dump(mode="json", exclude_defaults=True) for geometry in geometries.values()]
    config.parameters["geometries"].string_value = json.dumps(described)
    config.parameters["needs"].string_value = json.dumps(_needs(served))
    config.parameters["max_pixels"].string_value = str(MAX_PIXELS)
    return _schedule(config, instances)


def _needs(served: Served) -> dict[str, str]:
    """The geometry's tensor behind each output of the ensemble, for requests that say which outputs they want."""
    return {
        name: geometry_of(model).tensor
        for model, _, _ in served
        for name in ([output for output, _, _ in OUTPUTS[model.task]] if model.task in OUTPUTS else [model.name])
    }


def caption_config() -> pb.ModelConfig:
    config = pb.ModelConfig(name="postprocess_caption", backend="python", max_batch_size=STEP_BATCH)
    _add(config.input, "TOKENS", pb.TYPE_INT32, [-1])
    _add(config.input, "SCORE", pb.TYPE_FP32, [1])
    for output in OUTPUTS[Task.CAPTION]:
        _add(config.output, *output)
    return _batch(config)


def detection_config(served: Served) -> pb.ModelConfig:
    config = pb.ModelConfig(name="postprocess_detection", backend="python", max_batch_size=STEP_BATCH)
    _add(config.input, "PREDICTIONS", pb.TYPE_FP32, [-1, -1])
    _add(config.input, "TRANSFORM", pb.TYPE_FP32, [6])
    for output in OUTPUTS[Task.DETECTION]:
        _add(config.output, *output)
    detectors = [(model, certificate) for model, certificate, _ in served if model.task is Task.DETECTION]
    end_to_end = not detectors or detectors[0][1].end_to_end
    decoding = detectors[0][0].decoding if detectors else Decoding()
    config.parameters["head"].string_value = "end_to_end" if end_to_end else "raw"
    config.parameters["score_floor"].string_value = str(decoding.score_floor)
    config.parameters["iou"].string_value = str(decoding.iou)
    return _batch(config)


def analyze_config(served: Served) -> pb.ModelConfig:
    """The ensemble: preprocess, every network, and the postprocess steps that the tasks need."""
    smallest = min([STEP_BATCH, *(certificate.max_batch_size for _, certificate, _ in served)])
    config = pb.ModelConfig(name="analyze", platform="ensemble", max_batch_size=smallest)
    _add(config.input, "IMAGE", pb.TYPE_STRING, [1])
    _add(config.output, *IMAGE_OUTPUT)
    _add_step(config, "preprocess", {"IMAGE": "IMAGE"}, _preprocess_outputs(served))
    for model, certificate, version in served:
        outputs = _wire(config, model)
        for name, kind, dims in outputs:
            _add(config.output, name, kind, dims or certificate.shape)
        card = describe(model, certificate, version, [name for name, _, _ in outputs])
        config.parameters[model.name].string_value = json.dumps(card, ensure_ascii=False)
    return config


def describe(model: Model, certificate: Certificate, version: int, outputs: list[str]) -> dict:
    """What clients need to know about a model; the gateway learns its models from here."""
    card = {
        "task": model.task.value,
        "labels": certificate.labels if model.task is not Task.CAPTION else [],
        "version": str(version),
        "checksum": certificate.checksum,
        "geometry": model.geometry.model_dump(mode="json", exclude_defaults=True),
        "outputs": outputs,
    }
    if model.task is Task.CLASSIFICATION:
        card["positive"] = model.positive or certificate.labels[-1]
    return card


def _preprocess_outputs(served: Served) -> dict[str, str]:
    names = [output.name for output in preprocess_config(served, 1).output]
    return {name: name for name in names}


def _wire(config: pb.ModelConfig, model: Model) -> list[tuple[str, int, list[int]]]:
    """Add the steps of one model; its outputs in the ensemble."""
    tensor = geometry_of(model).tensor
    if model.task is Task.CLASSIFICATION:
        _add_step(config, model.name, {"IMAGES": tensor}, {"PROBABILITIES": model.name})
        return [(model.name, pb.TYPE_FP32, [])]
    if model.task is Task.CAPTION:
        inner = {"TOKENS": f"{model.name}_TOKENS", "SCORE": f"{model.name}_SCORE"}
        extra: dict[str, str] = {}
    else:
        inner = {"PREDICTIONS": f"{model.name}_PREDICTIONS"}
        # Not IMAGE_SIZE: Triton's pruning miscounts a tensor that is both an output of the ensemble and a step's input.
        extra = {"TRANSFORM": f"{tensor}_TRANSFORM"}
    outputs = OUTPUTS[model.task]
    _add_step(config, model.name, {"IMAGES": tensor}, inner)
    _add_step(config, f"postprocess_{model.task.value}", inner | extra, {name: name for name, _, _ in outputs})
    return outputs


def _add(tensors, name: str, kind: int, dims: list[int]) -> None:
    tensors.add(name=name, data_type=kind, dims=dims)


def _add_step(config: pb.ModelConfig, name: str, inputs: dict[str, str], outputs: dict[str, str]) -> None:
    config.ensemble_scheduling.step.add(model_name=name, model_version=-1, input_map=inputs, output_map=outputs)


def _schedule(config: pb.ModelConfig, instances: int) -> pb.ModelConfig:
    """Instances on the CPU, dynamic batching, and a bounded queue with a time-out.

    With such a queue Triton 24.10 hands a batch over only to an instance that waits. A single one that has just
    answered does not wait yet, and the request that meets it then lies for half a second: hence two and more.
    """
    policy = _batch(config, instances).dynamic_batching.default_queue_policy
    policy.timeout_action = pb.ModelQueuePolicy.REJECT
    policy.default_timeout_microseconds = QUEUE_TIMEOUT_US
    policy.allow_timeout_override = True
    policy.max_queue_size = QUEUE_SIZE
    return config


def _batch(config: pb.ModelConfig, instances: int = 1) -> pb.ModelConfig:
    """Instances on the CPU and dynamic batching, enough for a step so quick that nothing waits for it."""
    config.instance_group.add(kind=pb.ModelInstanceGroup.KIND_CPU, count=instances)
    config.dynamic_batching.SetInParent()
    return config


def write_text(path: Path, text: str) -> None:
    """Replace a file in one move, so that a server that loads meanwhile reads the old or the new one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def write_ensemble(served: Served, ensembles: Path, instances: int = 2) -> None:
    """The ensemble's side: the configs, and the vocabulary beside the caption step."""
    configs = [preprocess_config(served, instances), caption_config(), detection_config(served), analyze_config(served)]
    for config in configs:
        write_text(ensembles / config.name / "config.pbtxt", to_text(config))
    vocabulary = next((certificate.labels for model, certificate, _ in served if model.task is Task.CAPTION), [])
    text = json.dumps(vocabulary, ensure_ascii=False, indent=0) + "\n"
    write_text(ensembles / "postprocess_caption" / "1" / "vocabulary.json", text)
