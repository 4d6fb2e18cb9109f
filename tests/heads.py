"""Detectors with every kind of head, made on the spot: each says the same two objects, in its own way."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from export.entry import Head

SIDE = 64  # pixels of the input
LABELS = ["cat", "dog", "cup"]
BOXES = np.array([[4, 8, 36, 24], [30, 20, 62, 60]], dtype=np.float32)  # x1, y1, x2, y2
SCORES, NUMBERS = np.array([0.9, 0.6], dtype=np.float32), np.array([2, 0])
CELLS = np.array([[x, y, s] for s in (8, 16, 32) for y in range(SIDE // s) for x in range(SIDE // s)], dtype=np.float32)
PLACES = (9, 70)  # cells that say them
FAINT = 0.001  # score of all others
Outputs = dict[str, np.ndarray]


def centred() -> np.ndarray:
    """[2,4] centre and sides."""
    return np.concatenate([(BOXES[:, :2] + BOXES[:, 2:]) / 2, BOXES[:, 2:] - BOXES[:, :2]], axis=1)


def lay_rows(count: int, boxes: np.ndarray, scores: np.ndarray, filling: np.ndarray) -> np.ndarray:
    """[count, 4+columns]: the objects at their places, and faint boxes elsewhere."""
    rows = np.concatenate([filling, np.full((count, scores.shape[1]), FAINT)], axis=1)
    rows[list(PLACES)] = np.concatenate([boxes, scores], axis=1)
    return rows.astype(np.float32)


def score_rows() -> np.ndarray:
    """[2, labels]."""
    rows = np.full((2, len(LABELS)), FAINT, dtype=np.float32)
    rows[np.arange(2), NUMBERS] = SCORES
    return rows


def with_objectness() -> np.ndarray:
    """[2, 1+labels], which multiply to the scores."""
    return np.concatenate([np.full((2, 1), 0.96), score_rows() / 0.96], axis=1)


def raw(exchanged: bool = False) -> Outputs:
    rows = lay_rows(len(CELLS), centred(), score_rows(), np.full((len(CELLS), 4), 8))
    return {"output0": rows if exchanged else rows.T}


def end_to_end() -> Outputs:
    filling = np.tile([1, 1, 9, 9, FAINT, 1], (20, 1))
    return {"output0": np.concatenate([np.column_stack([BOXES, SCORES, NUMBERS]), filling]).astype(np.float32)}


def yolov5(cells: int = 3 * len(CELLS)) -> Outputs:
    return {"output": lay_rows(cells, centred(), with_objectness(), np.full((cells, 4), 8))}


def yolox() -> Outputs:
    cells = CELLS[list(PLACES)]
    offsets = centred()[:, :2] / cells[:, 2:] - cells[:, :2]
    boxes = np.concatenate([offsets, np.log(centred()[:, 2:] / cells[:, 2:])], axis=1)
    return {"output": lay_rows(len(CELLS), boxes, with_objectness(), np.zeros((len(CELLS), 4)))}


def rtdetr() -> Outputs:
    return {"output0": lay_rows(100, centred() / SIDE, score_rows(), np.full((100, 4), 0.2))}


def detr(no_object: bool = True) -> Outputs:
    rows = rtdetr()["output0"]
    scores = rows[:, 4:].astype(np.float64)
    logits = np.log(scores) - np.log1p(-scores)
    if no_object:
        logits = np.log(np.column_stack([scores, 1 - scores.sum(1)]))
    hidden = np.zeros((100, 16), dtype=np.float32)
    return {"logits": logits.astype(np.float32), "pred_boxes": rows[:, :4], "last_hidden_state": hidden}


HEADS = {
    "raw": (raw, Head.ULTRALYTICS),
    "exchanged": (lambda: raw(exchanged=True), Head.ULTRALYTICS),
    "end_to_end": (end_to_end, Head.END_TO_END),
    "yolov5": (yolov5, Head.YOLOV5),
    "yolox": (yolox, Head.YOLOX),
    "rtdetr": (rtdetr, Head.DETR),
    "detr": (detr, Head.DETR),
    "detr_sigmoid": (lambda: detr(no_object=False), Head.DETR),
}


def write_detector(path: Path, outputs: Outputs, opset: int = 12) -> None:
    """A network that says the outputs for every picture of its batch."""
    constants = {"nothing": np.array([0], dtype=np.float32), **{f"{name}_is": value for name, value in outputs.items()}}
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
        helper.make_node("Slice", ["pooled", "begin", "end", "axis"], ["one"]),
        helper.make_node("Reshape", ["one", "list"], ["mean"]),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        *(helper.make_node("Add", ["zero", f"{name}_is"], [name]) for name in outputs),
    ]
    integers = {"begin": [0], "end": [1], "axis": [1], "list": [-1, 1, 1]}
    constants |= {name: np.array(value, dtype=np.int64) for name, value in integers.items()}
    pixels = helper.make_tensor_value_info("images", TensorProto.FLOAT, [None, 3, SIDE, SIDE])  # an unnamed batch
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None, None]) for name in outputs]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "detector", [pixels], values, initializers)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7), path)


def write_entry(folder: Path, name: str, outputs: Outputs, *lines: str, labels: list[str] = LABELS) -> str:
    write_detector(folder / f"{name}.onnx", outputs)
    entry = f"""
[models.{name}]
task = "detection"
framework = "onnx"
checkpoint = "{name}.onnx"
labels = {labels}
geometry = {{ mode = "letterbox", width = {SIDE}, height = {SIDE} }}
instances = 1
"""
    return "\n".join([entry, *lines, ""])
