"""What every framework's loader returns."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import onnx

from export.entry import Model
from export.errors import CheckpointError


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
        notes: what was decided on the way from the file, for the closing table.
    """

    network: onnx.ModelProto
    layout: Layout
    predict: Callable[[np.ndarray], list[np.ndarray]]
    labels: list[str] | None = None
    end_to_end: bool = False
    fixed_batch: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def outputs(self) -> list[str]:
        return [output.name for output in self.network.graph.output]

    def keep(self, indices: Sequence[int]) -> "Source":
        """The same with some of its outputs."""
        network = onnx.ModelProto()
        network.CopyFrom(self.network)
        kept = [self.network.graph.output[index] for index in indices]
        del network.graph.output[:]
        network.graph.output.extend(kept)

        def predict(pixels: np.ndarray) -> list[np.ndarray]:
            outputs = self.predict(pixels)
            return [outputs[index] for index in indices]

        return replace(self, network=network, predict=predict)


def find_output(model: Model, names: Sequence[str]) -> int:
    """Index of the output that is served.

    Raises:
        CheckpointError: there are several and the entry names none, or one that is not there.
    """
    if model.output in names:
        return names.index(model.output)
    if model.output is None and len(names) == 1:
        return 0
    if len(names) == 1:
        raise CheckpointError(
            f"{model.checkpoint}: has no output {model.output}, only {names[0]}; leave output of {model.name} out"
        )
    raise CheckpointError(f"{model.checkpoint}: set output of {model.name} to one of {', '.join(names)}")


def choose_output(model: Model, source: Source) -> Source:
    """The source with the one output that is served. Raises CheckpointError as `find_output` does."""
    return source.keep([find_output(model, source.outputs)])


def checksum(path: Path) -> str:
    """`sha256:` and the hex digest of a file."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
