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

from export.errors import PrecisionError
from export.graph import IR_VERSION, PIXELS
from export.manifest import Model, Precision, Task
from export.preprocessing import boxes, load_pixels
from export.quiet import quiet
from export.session import open_served

KEPT_FP32 = [*DEFAULT_OP_BLOCK_LIST, "Loop"]  # the converter does not know the graphs inside of a Loop
QUANTISED = ["Conv", "Gemm", "MatMul"]
FOUND_SCORE, FOUND_IOU = 0.25, 0.5  # objects that count, and how well a box must fit


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
    truth = _labels_of_folders(model, pictures) or expected
    share, reduced = (_agreement(truth, answers, model.task) for answers in (expected, found))
    if share - reduced > model.max_loss:
        raise PrecisionError(
            f"{model.checkpoint}: in {model.precision}, {model.name} falls from {share:.3f} to {reduced:.3f} on "
            f"{len(pictures)} pictures, tolerated is a loss of {model.max_loss:g}; nothing was changed. Calibrate on "
            "pictures like those that will be sent, or raise max_loss, or keep precision fp32"
        )
    return Reduction([path.name for path in pictures], share, reduced, model.max_loss)


def _labels_of_folders(model: Model, pictures: list[Path]) -> list | None:
    """The label index of each picture where all lie in folders named after labels."""
    names = [path.parent.name for path in pictures]
    if model.task is not Task.CLASSIFICATION or not set(names) <= set(model.labels or []):
        return None
    return [(model.labels or []).index(name) for name in names]


def _answers(network: bytes, model: Model, end_to_end: bool, pictures: list[Path]) -> list:
    """Per picture: a label's index, a tuple of tokens, or Detections."""
    session = open_served(network, model)
    answers: list = []
    for path in pictures:
        output = session.run(None, {"IMAGES": load_pixels(path.read_bytes(), model)[None]})[0][0]
        if model.task is Task.CLASSIFICATION:
            answers.append(int(output.argmax()))
        elif model.task is Task.CAPTION:
            answers.append(tuple(output.tolist()))
        elif end_to_end:
            answers.append(boxes.read_end_to_end(output, FOUND_SCORE))
        else:
            answers.append(boxes.read_raw(output, FOUND_SCORE, model.decoding.iou))
    return answers


def _agreement(expected: list, found: list, task: Task) -> float:
    if task is not Task.DETECTION:
        return float(np.mean([one == other for one, other in zip(expected, found, strict=True)]))
    total = sum(len(each.scores) for each in [*expected, *found])
    hits = sum(_count_hits(one, other) for one, other in zip(expected, found, strict=True))
    return 2 * hits / total if total else 1.0


def _count_hits(expected, found) -> int:
    """Objects that are found again, each box counted once, best first."""
    free = np.ones(len(found.scores), dtype=bool)
    hits = 0
    for box, label in zip(expected.boxes, expected.labels, strict=True):
        shared = boxes.intersection(box, found.boxes)
        union = _area(box) + _area(found.boxes) - shared
        overlap = np.where(free & (found.labels == label), shared / np.maximum(union, 1e-9), 0)
        if overlap.max(initial=0) >= FOUND_IOU:
            free[overlap.argmax()] = False
            hits += 1
    return hits


def _area(xyxy: np.ndarray) -> np.ndarray:
    return np.prod(xyxy[..., 2:] - xyxy[..., :2], axis=-1)
