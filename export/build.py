"""From a manifest entry to a staged version: model.onnx and its certificate."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx

from export.certificate import Certificate, certify, is_same_entry, write_certificate
from export.errors import CheckpointError
from export.frameworks import Source, load_source
from export.frameworks.source import checksum
from export.graph import wrap
from export.manifest import Model, Precision, Task
from export.parity import Parity, compare, list_pictures
from export.precision import Reduction, measure, reduce
from export.preprocessing import load_pixels
from export.session import open_session

Tell = Callable[[str], None]  # what is done now, for whoever waits


@dataclass(frozen=True)
class Built:
    """A staged version of a model."""

    model: Model
    folder: Path
    certificate: Certificate


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
    same = certificate.checksum == checksum(model.checkpoint) and is_same_entry(model, certificate)
    return same and certificate.parity["atol"] >= certificate.parity["difference"]


def build(model: Model, pictures: list[Path], staging: Path, trust: bool, tell: Tell) -> Built:
    """Convert, compare with the framework, and stage.

    Raises:
        CheckpointError, ParityError, PrecisionError: nothing is staged that could be installed.
    """
    converted = convert(model, pictures, trust, tell)
    data = converted.network.SerializeToString()
    folder = staging / model.name
    folder.mkdir()
    (folder / "model.onnx").write_bytes(data)
    certificate = certify(
        model, converted.source, converted.network, folder,
        converted.parity, converted.reduction, _shape(data, model, pictures),
    )  # fmt: skip
    write_certificate(certificate, folder)
    return Built(model, folder, certificate)


def convert(model: Model, pictures: list[Path], trust: bool, tell: Tell, served: bytes | None = None) -> Converted:
    """The checkpoint as ONNX, compared with its framework, in the entry's precision.

    `served`, an exported network, is judged in place of a freshly converted one.
    """
    tell(f"{model.name}: converting {model.checkpoint.name}")
    source = load_source(model, trust)
    _check_names(model, source)
    network = wrap(source, model)
    tell(f"{model.name}: comparing with {model.framework} on {len(pictures)} pictures")
    if model.precision is Precision.FP32:
        parity = compare(served or network.SerializeToString(), source, model, pictures)
        return Converted(source, network, parity, None)
    full = network.SerializeToString()
    parity = compare(full, source, model, pictures)
    examples = list_pictures(model.calibration)
    tell(f"{model.name}: reducing to {model.precision} on {len(examples)} pictures")
    network = onnx.load_model_from_string(served) if served else reduce(network, model, examples)
    reduction = measure(full, network.SerializeToString(), model, source.end_to_end, examples)
    return Converted(source, network, parity, reduction)


def _check_names(model: Model, source: Source) -> None:
    """A detector needs class names, and the entry's must be as many as the checkpoint's."""
    if model.task is not Task.DETECTION:
        return
    if model.labels is None and source.labels is None:
        raise CheckpointError(f"{model.checkpoint}: carries no class names; give labels for {model.name}")
    if model.labels and source.labels and len(model.labels) != len(source.labels):
        raise CheckpointError(
            f"{model.checkpoint}: has {len(source.labels)} classes, labels of {model.name} name {len(model.labels)}; "
            "give as many, or leave labels out"
        )


def _shape(network: bytes, model: Model, pictures: list[Path]) -> list[int]:
    """Dimensions of the served output without the batch, as one run gives them."""
    output = open_session(network).run(None, {"IMAGES": load_pixels(pictures[0].read_bytes(), model)[None]})[0]
    return list(output.shape[1:])
