"""The certificate beside each network: where it comes from and what its parity check saw."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import ValidationError

from contract.card import PROSE
from export.entry import Model
from export.frameworks.source import checksum

NAME = "certificate.json"


@dataclass(frozen=True)
class Certificate:
    """Facts about one version of a network that its configs and its readers need.

    `checksum` is the checkpoint's, `network` that of model.onnx. `entry` is the manifest's entry as it was exported,
    less what only concerns serving; `parity` and `reduction` (None in fp32) are what export/parity.py and
    export/precision.py say; `shape` the served output's dimensions without the batch, -1 where they vary; `notes`
    what was decided on the way from the checkpoint.
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
    notes: list[str] = field(default_factory=list)


# What of an entry concerns how the network is served, and not what it computes.
SERVING = ("version", "instances", "threads", "max_batch_size", "region", "default", "min_score", *PROSE)


def describe_entry(model: Model) -> dict:
    """What of an entry decides how the network computes."""
    entry = model.model_dump(mode="json", exclude={"checkpoint", "url", "sha256", "calibration", *SERVING})
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


def write_certificate(certificate: Certificate, folder: Path) -> None:
    text = json.dumps(asdict(certificate), indent=2, ensure_ascii=False)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def read_certificate(folder: Path) -> Certificate:
    return Certificate(**json.loads((folder / NAME).read_text(encoding="utf-8")))
