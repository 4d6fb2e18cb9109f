"""Networks in half precision and in 8-bit integers, and what either costs in accuracy on real pictures.

int8 is static quantisation in the QDQ form, weights per channel, both sides symmetric: ONNX Runtime runs it on the CPU,
and TensorRT takes precision from it. Convolutions and matrix products are quantised and nothing else: box decoding
shares tensors between coordinates and scores, and a caption's decoder feeds its errors to itself.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from export.entry import Model, Precision
from export.errors import PrecisionError
from export.graph import IR_VERSION, PIXELS
from export.preprocessing import load_pixels
from export.quiet import quiet
from export.session import open_served
from export.tasks import TASKS
from export.wording import count_nouns

KEPT_FP32 = [*DEFAULT_OP_BLOCK_LIST, "Loop"]  # the converter does not know the graphs inside of a Loop
QUANTISED = ["Conv", "Gemm", "MatMul"]


@dataclass(frozen=True)
class Reduction:
    """What a lower precision costs: share of right answers `before` and `after`, on the named pictures.

    Right is, for a classifier, the label whose folder holds the picture; without such folders, and for the other tasks,
    what the network said before. Captions count whole; objects by F1 (same label, IoU of 0.5 and more).
    """

    pictures: list[str]
    before: float
    after: float
    max_loss: float


def reduce(network: onnx.ModelProto, model: Model, pictures: list[Path]) -> onnx.ModelProto:
    """The network in the entry's precision; inputs and outputs keep their types."""
    with quiet():
        if model.precision is Precision.FP16:
            reduced = convert_float_to_float16(network, keep_io_types=True, op_block_list=KEPT_FP32)
        else:
            reduced = _quantise(network, model, pictures)
    reduced.ir_version = IR_VERSION
    return reduced


def _quantise(network: onnx.ModelProto, model: Model, pictures: list[Path]) -> onnx.ModelProto:
    excluded = [node.name for node in network.graph.node if node.name.startswith(PIXELS)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_static(
            network,
            path,
            _Calibration(pictures, model),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=excluded,
            extra_options={"ActivationSymmetric": True, "WeightSymmetric": True},
        )
        return onnx.load(path)


class _Calibration(CalibrationDataReader):
    """Pictures one by one, as ONNX Runtime asks for them."""

    def __init__(self, pictures: list[Path], model: Model) -> None:
        self._feeds: Iterator[dict[str, np.ndarray]] = (
            {"IMAGES": load_pixels(path.read_bytes(), model)[None]} for path in pictures
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def measure(before: bytes, after: bytes, model: Model, end_to_end: bool, pictures: list[Path]) -> Reduction:
    """Accuracy of both networks on the pictures.

    Raises:
        PrecisionError: the loss is beyond the entry's `max_loss`.
    """
    expected, found = (_answers(network, model, end_to_end, pictures) for network in (before, after))
    task = TASKS[model.task]
    truth = task.truth(model, pictures) or expected
    share, reduced = (task.agreement(truth, answers) for answers in (expected, found))
    if share - reduced > model.max_loss:
        raise PrecisionError(
            f"{model.checkpoint}: in {model.precision}, {model.name} falls from {share:.3f} to {reduced:.3f} on "
            f"{count_nouns(len(pictures), 'picture')}, tolerated is a loss of {model.max_loss:g}; nothing was changed. "
            "Calibrate on pictures like those that will be sent, or raise max_loss, or keep precision fp32"
        )
    return Reduction([path.name for path in pictures], share, reduced, model.max_loss)


def _answers(network: bytes, model: Model, end_to_end: bool, pictures: list[Path]) -> list:
    """Per picture what its task counts as the answer."""
    session, read = open_served(network, model), TASKS[model.task].read_answers
    answers: list = []
    for path in pictures:
        outputs = session.run(None, {"IMAGES": load_pixels(path.read_bytes(), model)[None]})
        answers += read(outputs, model, end_to_end)
    return answers
