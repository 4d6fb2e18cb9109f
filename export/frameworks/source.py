"""What every framework's loader returns."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import onnx


class Layout(StrEnum):
    NHWC = "NHWC"
    NCHW = "NCHW"


@dataclass(frozen=True)
class Source:
    """A checkpoint, loaded.

    Attributes:
        network: ONNX with one FLOAT input: normalised pixels, [N,H,W,C] or [N,C,H,W] by `layout`.
        predict: the framework's own run of the same; floats in, list of outputs in the order of the ONNX's.
        labels: class names the checkpoint carries itself.
        end_to_end: for detectors, whether predictions are final boxes [K,6] and not a raw head's.
        fixed_batch: the only batch size that the network takes, where it is not dynamic.
    """

    network: onnx.ModelProto
    layout: Layout
    predict: Callable[[np.ndarray], list[np.ndarray]]
    labels: list[str] | None = None
    end_to_end: bool = False
    fixed_batch: int | None = None


def checksum(path: Path) -> str:
    """`sha256:` and the hex digest of a file."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
