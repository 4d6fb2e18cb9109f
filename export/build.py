"""From a manifest entry to a staged version: model.onnx and its certificate."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import onnx

from export.certificate import (
    Certificate,
    describe_entry,
    is_same_entry,
    network_checksum,
    write_certificate,
)
from export.checkpoint import load_source
from export.entry import Accelerator, Framework, Model, Precision
from export.frameworks.source import Source, checksum
from export.graph import wrap
from export.parity import Parity, compare, list_pictures
from export.precision import Reduction, measure, reduce
from export.preprocessing import load_pixels
from export.session import open_session
from export.wording import count_nouns

TOOLS = {
    Framework.KERAS: ("keras", "torch", "onnxscript"),
    Framework.TORCH: ("torch", "onnxscript"),
    Framework.ULTRALYTICS: ("ultralytics", "torch"),
    Framework.ONNX: (),
}
Progress = Callable[[str], None]  # reports what is done now, for whoever waits


@dataclass(frozen=True)
class Built:
    """A staged version of a model: `size` of its network in bytes, and the `seconds` that it took."""

    model: Model
    folder: Path
    certificate: Certificate
    size: int
    seconds: float


@dataclass(frozen=True)
class Converted:
    """A checkpoint as the network that is served, with what was proved of it."""

    source: Source
    network: onnx.ModelProto
    parity: Parity
    reduction: Reduction | None


def is_current(model: Model, certificate: Certificate | None) -> bool:
    """Whether the exported version was made from this checkpoint with this entry."""
    if certificate is None:
        return False
    return certificate.checksum == checksum(model.checkpoint) and is_same_entry(model, certificate)


def build(model: Model, pictures: list[Path], staging: Path, trust: bool, report: Progress) -> Built:
    """Convert, compare with the framework, and stage.

    Raises:
        CheckpointError, ParityError, PrecisionError: nothing is staged that could be installed.
    """
    start = time.monotonic()
    converted = convert(model, pictures, trust, report)
    data = converted.network.SerializeToString()
    folder = staging / model.name
    folder.mkdir()
    (folder / "model.onnx").write_bytes(data)
    certificate = certify(model, converted, folder, _shape(data, model, pictures))
    write_certificate(certificate, folder)
    return Built(model, folder, certificate, len(data), time.monotonic() - start)


def convert(
    model: Model, pictures: list[Path], trust: bool, report: Progress, served: bytes | None = None
) -> Converted:
    """The checkpoint as ONNX, compared with its framework, in the entry's precision.

    `served`, an exported network, is judged in place of a freshly converted one.
    """
    report(f"{model.name}: converting {model.checkpoint.name}")
    source = load_source(model, trust)
    network = wrap(source, model)
    report(f"{model.name}: comparing with {model.framework} on {count_nouns(len(pictures), 'picture')}")
    if model.precision is Precision.FP32:
        parity = compare(served or network.SerializeToString(), source, model, pictures)
        return Converted(source, network, parity, None)
    full = network.SerializeToString()
    parity = compare(full, source, model, pictures)
    examples = list_pictures(model.calibration)
    report(f"{model.name}: reducing to {model.precision} on {count_nouns(len(examples), 'picture')}")
    network = onnx.load_model_from_string(served) if served else reduce(network, model, examples)
    reduction = measure(full, network.SerializeToString(), model, source.end_to_end, examples)
    return Converted(source, network, parity, reduction)


def _shape(network: bytes, model: Model, pictures: list[Path]) -> list[int]:
    """Dimensions of the served output without the batch, as one run gives them."""
    output = open_session(network).run(None, {"IMAGES": load_pixels(pictures[0].read_bytes(), model)[None]})[0]
    return list(output.shape[1:])


def certify(model: Model, converted: Converted, folder: Path, shape: list[int]) -> Certificate:
    """The certificate of the network in `folder`; `shape` of its first output without the batch."""
    source, domains = converted.source, converted.network.opset_import
    accelerators = () if model.accelerator is Accelerator.NONE else (model.accelerator.value,)
    names = ("onnx", "onnxruntime", *accelerators, *TOOLS[model.framework])
    return Certificate(
        source=model.checkpoint.name,
        checksum=checksum(model.checkpoint),
        network=network_checksum(folder),
        entry=describe_entry(model),
        labels=model.labels or source.labels or [],
        end_to_end=source.end_to_end,
        shape=shape,
        max_batch_size=source.fixed_batch or model.max_batch_size,
        opset=next(domain.version for domain in domains if domain.domain in ("", "ai.onnx")),
        tools={name: version(name) for name in names},
        parity=asdict(converted.parity),
        reduction=asdict(converted.reduction) if converted.reduction else None,
        notes=list(source.notes),
    )
