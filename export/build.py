"""From a manifest entry to a staged version: model.onnx and its certificate."""

from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from export.certificate import Certificate, certify, describe_entry, write_certificate
from export.errors import CheckpointError
from export.frameworks import Source, load_source
from export.frameworks.source import checksum
from export.graph import wrap
from export.manifest import Model, Task
from export.parity import compare
from export.preprocessing import load_pixels


@dataclass(frozen=True)
class Built:
    """A staged version of a model."""

    model: Model
    folder: Path
    certificate: Certificate


def is_current(model: Model, certificate: Certificate | None) -> bool:
    """Whether the exported version was made from this checkpoint with this entry."""
    if certificate is None:
        return False
    same = certificate.checksum == checksum(model.checkpoint) and certificate.entry == describe_entry(model)
    return same and certificate.parity["atol"] >= certificate.parity["difference"]


def build(model: Model, pictures: list[Path], staging: Path) -> Built:
    """Convert, compare with the framework, and stage.

    Raises:
        CheckpointError, ParityError: nothing is staged that could be installed.
    """
    source = load_source(model)
    _check_names(model, source)
    network = wrap(source, model)
    data = network.SerializeToString()
    parity = compare(data, source, model, pictures)
    folder = staging / model.name
    folder.mkdir()
    (folder / "model.onnx").write_bytes(data)
    certificate = certify(model, source, network, folder, parity, _shape(data, model, pictures))
    write_certificate(certificate, folder)
    return Built(model, folder, certificate)


def read_network(folder: Path) -> bytes:
    """The network in a version's folder."""
    return (folder / "model.onnx").read_bytes()


def _check_names(model: Model, source: Source) -> None:
    """A detector needs class names, and the entry's must be as many as the checkpoint's."""
    if model.task is not Task.DETECTION:
        return
    if model.labels is None and source.labels is None:
        raise CheckpointError(f"{model.checkpoint}: carries no class names; give labels for {model.name}")
    if model.labels and source.labels and len(model.labels) != len(source.labels):
        raise CheckpointError(
            f"{model.checkpoint}: has {len(source.labels)} classes, labels of {model.name} name {len(model.labels)}"
        )


def _shape(network: bytes, model: Model, pictures: list[Path]) -> list[int]:
    """Dimensions of the served output without the batch, as one run gives them."""
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    output = session.run(None, {"IMAGES": load_pixels(pictures[0].read_bytes(), model)[None]})[0]
    return list(output.shape[1:])
