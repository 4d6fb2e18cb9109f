"""The certificate beside each network: where it comes from and what its parity check saw."""

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import onnx
from pydantic import ValidationError

from export.frameworks.source import Source, checksum
from export.manifest import Accelerator, Framework, Model
from export.parity import Parity
from export.precision import Reduction

NAME = "certificate.json"
TOOLS = {
    Framework.KERAS: ("keras", "torch", "onnxscript"),
    Framework.TORCH: ("torch", "onnxscript"),
    Framework.ULTRALYTICS: ("ultralytics", "torch"),
    Framework.ONNX: (),
}


@dataclass(frozen=True)
class Certificate:
    """Facts about one version of a network that its configs and its readers need.

    `checksum` is the checkpoint's, `network` that of model.onnx. `entry` is the manifest's entry as it was exported,
    less what only concerns serving; `parity` and `reduction` (None in fp32) are what export/parity.py and
    export/precision.py say; `shape` the served output's dimensions without the batch, -1 where they vary.
    """

    source: str
    checksum: str
    network: str
    entry: dict
    labels: list[str]
    end_to_end: bool
    shape: list[int]
    max_batch_size: int
    opset: int
    tools: dict[str, str]
    parity: dict
    reduction: dict | None = None


SERVING = ("version", "instances", "threads", "max_batch_size")


def describe_entry(model: Model) -> dict:
    """What of an entry decides how the network computes."""
    entry = model.model_dump(mode="json", exclude={"checkpoint", "calibration", *SERVING})
    entry["decoding"].pop("vocabulary")
    return entry


def is_same_entry(model: Model, certificate: Certificate) -> bool:
    """Whether the certified network was exported with this entry; fields that came later count with their default."""
    later = {"checkpoint": model.checkpoint, "calibration": model.calibration}
    decoding = {**certificate.entry["decoding"], "vocabulary": model.decoding.vocabulary}
    try:
        certified = Model.model_validate({**certificate.entry, **later, "decoding": decoding})
    except ValidationError:  # exported when other fields were known
        return False
    return describe_entry(certified) == describe_entry(model)


def network_checksum(folder: Path) -> str:
    """Of the network in a version's folder."""
    return checksum(folder / "model.onnx")


def certify(
    model: Model,
    source: Source,
    network: onnx.ModelProto,
    folder: Path,
    parity: Parity,
    reduction: Reduction | None,
    shape: list[int],
) -> Certificate:
    """The certificate of the network in `folder`."""
    accelerators = () if model.accelerator is Accelerator.NONE else (model.accelerator.value,)
    tools = {name: version(name) for name in ("onnx", "onnxruntime", *accelerators, *TOOLS[model.framework])}
    return Certificate(
        source=model.checkpoint.name,
        checksum=checksum(model.checkpoint),
        network=network_checksum(folder),
        entry=describe_entry(model),
        labels=model.labels or source.labels or [],
        end_to_end=source.end_to_end,
        shape=shape,
        max_batch_size=source.fixed_batch or model.max_batch_size,
        opset=next(domain.version for domain in network.opset_import if domain.domain in ("", "ai.onnx")),
        tools=tools,
        parity=asdict(parity),
        reduction=asdict(reduction) if reduction else None,
    )


def write_certificate(certificate: Certificate, folder: Path) -> None:
    text = json.dumps(asdict(certificate), indent=2, ensure_ascii=False)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def read_certificate(folder: Path) -> Certificate:
    return Certificate(**json.loads((folder / NAME).read_text(encoding="utf-8")))
