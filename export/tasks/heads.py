"""Heads of detectors, read into one of two forms by nodes behind the network.

Raw: FP32 [4+labels, anchors], centre and sides in pixels and a score per label. End to end: FP32 [K,6], x1, y1, x2, y2
in pixels, score, label. Each head is written twice: as a graph, and in numpy for the parity check.

    ultralytics   raw already: YOLOv8, YOLO11; also with rows and columns exchanged
    end_to_end    so already: YOLO26, YOLOv10
    yolov5        [anchors, 5+labels]: raw with a score that there is an object at all; YOLOv5, 6, 7, and a YOLOX that
                  decodes
    yolox         the same, with boxes as offsets and logarithms in their cells (Ge et al. 2021, arXiv:2107.08430)
    detr          boxes [queries, 4] as shares of the input, and logits [queries, labels] or with "no object" at the end
                  (Carion et al. 2020, arXiv:2005.12872); or both in one, with scores, as ultralytics' RT-DETR
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, parser

from export.entry import Head, Model
from export.errors import CheckpointError
from export.frameworks.source import Layout, Source, find_output
from export.wording import count_nouns

STRIDES = ((8, 16, 32), (8, 16, 32, 64))  # of the maps that anchors come from
SCALES = 3  # anchors in a cell of YOLOv5 and YOLOv7
Shape = tuple[int, ...]

# Operators that mean the same from opset 11 to 21; see NUMBERS for the names of constants.
WEIGH = """
  boxes = Slice (decoded, i0, i4, last)
  object = Slice (decoded, i4, i5, last)
  classes = Slice (decoded, i5, end, last)
  scores = Mul (object, classes)
  columns = Concat <axis = 2> (boxes, scores)
  predictions = Transpose <perm = [0, 2, 1]> (columns)
"""
DECODE = """
  offsets = Slice (rows, i0, i2, last)
  logarithms = Slice (rows, i2, i4, last)
  others = Slice (rows, i4, end, last)
  moved = Add (offsets, cells)
  centres = Mul (moved, strides)
  shares = Exp (logarithms)
  sides = Mul (shares, strides)
  decoded = Concat <axis = 2> (centres, sides, others)
"""
EXCHANGE = "predictions = Transpose <perm = [0, 2, 1]> (rows)"
SPLIT = """
  boxes = Slice (rows, i0, i4, last)
  scores = Slice (rows, i4, end, last)
"""
SIGMOID = "scores = Sigmoid (logits)"
SOFTMAX = """
  shares = Softmax <axis = 2> (logits)
  scores = Slice (shares, i0, before_last, last)
"""
CORNERS = """
  centres = Slice (boxes, i0, i2, last)
  sides = Slice (boxes, i2, i4, last)
  halves = Mul (sides, half)
  first = Sub (centres, halves)
  second = Add (centres, halves)
  corners = Concat <axis = 2> (first, second)
  pixels = Mul (corners, size)
  label = ArgMax <axis = 2, keepdims = 1> (scores)
  number = Cast <to = 1> (label)
  best = GatherElements <axis = 2> (scores, label)
  predictions = Concat <axis = 2> (pixels, best, number)
"""
NUMBERS = {"i0": 0, "i2": 2, "i4": 4, "i5": 5, "end": 2**31 - 1, "before_last": -1, "last": 2}


def read_head(model: Model, source: Source) -> Source:
    """The source with its detector's head in one of the two forms; by `decoding.head`, or by shapes without doubt.

    Raises:
        CheckpointError: the shapes fit no head, or several.
    """
    channels, height, width = model.pixels.channels.depth, model.geometry.height, model.geometry.width
    sides = (channels, height, width) if source.layout is Layout.NCHW else (height, width, channels)
    outputs = source.predict(np.zeros((source.fixed_batch or 1, *sides), dtype=np.float32))
    shapes = [output.shape[1:] for output in outputs]
    labels = len(model.labels or source.labels or [])
    if model.output is None and (pair := find_pair(shapes, source.outputs, labels)):
        return _read_pair(_note(source.keep(pair), Head.DETR), model, shapes[pair[1]][-1] > labels)
    index = find_output(model, source.outputs)
    source, shape = source.keep([index]), shapes[index]
    head = model.decoding.head or (Head.END_TO_END if source.end_to_end else find_head(shape, labels, model))
    return READERS[head](_note(source, head), model, shape)


def _note(source: Source, head: Head) -> Source:
    return replace(source, notes=(*source.notes, f"the detector's head is {head}"))


def find_pair(shapes: Sequence[Shape], names: Sequence[str], labels: int) -> list[int]:
    """Indices of the only boxes [Q,4] and logits [Q,labels or one more] of a DETR; none without. Where both have four
    columns the names say which are boxes."""
    pairs = [
        [box, logits]
        for box, shape in enumerate(shapes)
        for logits, other in enumerate(shapes)
        if box != logits and len(shape) == len(other) == 2
        if shape[1] == 4 and shape[0] == other[0] and other[1] in (labels, labels + 1)
    ]
    named = [pair for pair in pairs if "box" in names[pair[0]]] if len(pairs) > 1 else pairs
    return named[0] if len(named) == 1 else []


def find_head(shape: Shape, labels: int, model: Model) -> Head:
    """The only head that gives predictions of this shape."""
    fitting = [head for head, fits in FITS.items() if len(shape) == 2 and fits(shape, labels, count_cells(model))]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(fitting or READERS)
    raise CheckpointError(
        f"{model.checkpoint}: gives {'x'.join(map(str, shape))} numbers, which with {count_nouns(labels, 'label')} "
        f"{'fits several heads' if fitting else 'is no head that is known'}; set decoding.head of {model.name} to one "
        f"of {listed}, or correct labels or output"
    )


def count_cells(model: Model) -> set[int]:
    """How many cells the maps of a YOLO have in the entry's geometry."""
    height, width = model.geometry.height, model.geometry.width
    return {sum((height // stride) * (width // stride) for stride in strides) for strides in STRIDES}


def _anchors(cells: set[int]) -> set[int]:
    return cells | {SCALES * each for each in cells}


FITS: dict[Head, Callable[[Shape, int, set[int]], bool]] = {
    Head.ULTRALYTICS: lambda shape, labels, cells: (
        shape[0] == 4 + labels or (shape[1] == 4 + labels and shape[0] in _anchors(cells))
    ),
    Head.END_TO_END: lambda shape, labels, cells: shape[1] == 6 and shape[0] not in _anchors(cells),
    Head.YOLOV5: lambda shape, labels, cells: shape[1] == 5 + labels and shape[0] in {SCALES * each for each in cells},
    Head.YOLOX: lambda shape, labels, cells: shape[1] == 5 + labels and shape[0] in cells,
    Head.DETR: lambda shape, labels, cells: (
        shape[1] == 4 + labels and shape[0] not in _anchors(cells) and shape[0] != 4 + labels
    ),
}


def _read_ultralytics(source: Source, model: Model, shape: Shape) -> Source:
    labels = len(model.labels or source.labels or [])
    if shape[0] == 4 + labels or shape[1] != 4 + labels:
        return source
    return _append(source, EXCHANGE, {}, lambda outputs: outputs[0].transpose(0, 2, 1))


def _read_end_to_end(source: Source, model: Model, shape: Shape) -> Source:
    return replace(source, end_to_end=True)


def _read_yolov5(source: Source, model: Model, shape: Shape) -> Source:
    return _append(source, WEIGH.replace("decoded", "rows"), {}, lambda outputs: _weigh(outputs[0]))


def _weigh(rows: np.ndarray) -> np.ndarray:
    """[N,A,5+C] to raw: each score times that of there being an object."""
    return np.concatenate([rows[..., :4], rows[..., 4:5] * rows[..., 5:]], axis=-1).transpose(0, 2, 1)


def _read_yolox(source: Source, model: Model, shape: Shape) -> Source:
    grid = make_grid(model, shape[0])

    def read(outputs: list[np.ndarray]) -> np.ndarray:
        x, y, stride = grid.T
        columns = outputs[0].transpose(2, 0, 1)
        centres = (columns[0] + x) * stride, (columns[1] + y) * stride
        sides = np.exp(columns[2]) * stride, np.exp(columns[3]) * stride
        return _weigh(np.stack([*centres, *sides, *columns[4:]], axis=-1))

    return _append(source, DECODE + WEIGH, {"cells": grid[None, :, :2], "strides": grid[None, :, 2:]}, read)


def make_grid(model: Model, anchors: int) -> np.ndarray:
    """FP32 [A,3]: column, row and stride of each cell, row by row, the finest map first.

    Raises:
        CheckpointError: no maps of this geometry have so many cells.
    """
    for strides in STRIDES:
        maps = []
        for stride in strides:
            rows, columns = np.mgrid[: model.geometry.height // stride, : model.geometry.width // stride]
            maps.append(np.stack([columns, rows, np.full_like(rows, stride)], axis=-1).reshape(-1, 3))
        grid = np.concatenate(maps).astype(np.float32)
        if len(grid) == anchors:
            return grid
    raise CheckpointError(
        f"{model.checkpoint}: gives {anchors} anchors, a YOLOX of {model.geometry.width}x{model.geometry.height} "
        f"pixels has {' or '.join(map(str, sorted(count_cells(model))))}; correct geometry or decoding.head of "
        f"{model.name}"
    )


def _read_detr(source: Source, model: Model, shape: Shape) -> Source:
    constants = _pixel_constants(model)

    def read(outputs: list[np.ndarray]) -> np.ndarray:
        return _to_rows(outputs[0][..., :4], outputs[0][..., 4:], constants["size"])

    return replace(_append(source, SPLIT + CORNERS, constants, read), end_to_end=True)


def _read_pair(source: Source, model: Model, has_no_object: bool) -> Source:
    """Boxes and logits; where these are one more than the labels they exclude each other, and the last is "nothing"."""
    constants = _pixel_constants(model)

    def read(outputs: list[np.ndarray]) -> np.ndarray:
        boxes, logits = (output.astype(np.float32) for output in outputs)
        if not has_no_object:
            return _to_rows(boxes, 1 / (1 + np.exp(-logits)), constants["size"])
        shares = np.exp(logits - logits.max(-1, keepdims=True))
        return _to_rows(boxes, (shares / shares.sum(-1, keepdims=True))[..., :-1], constants["size"])

    text = (SOFTMAX if has_no_object else SIGMOID) + CORNERS
    return replace(_append(source, text, constants, read, ("boxes", "logits")), end_to_end=True)


def _pixel_constants(model: Model) -> dict[str, np.ndarray]:
    size = np.array([model.geometry.width, model.geometry.height] * 2, dtype=np.float32)
    return {"size": size, "half": np.array(0.5, dtype=np.float32)}


def _to_rows(boxes: np.ndarray, scores: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Boxes [N,Q,4] as shares and scores [N,Q,C] to [N,Q,6]: the best label of each query."""
    low, high = boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2
    best = np.stack([scores.max(-1), scores.argmax(-1).astype(np.float32)], axis=-1)
    return np.concatenate([np.concatenate([low, high], axis=-1) * size, best], axis=-1)


READERS: dict[Head, Callable[[Source, Model, Shape], Source]] = {
    Head.ULTRALYTICS: _read_ultralytics,
    Head.END_TO_END: _read_end_to_end,
    Head.YOLOV5: _read_yolov5,
    Head.YOLOX: _read_yolox,
    Head.DETR: _read_detr,
}


def _append(
    source: Source,
    text: str,
    constants: dict[str, np.ndarray],
    read: Callable[[list[np.ndarray]], np.ndarray],
    ports: tuple[str, ...] = ("rows",),
) -> Source:
    """The source with the text's nodes behind its outputs, which it calls by the names of `ports`; `read` is the same
    in numpy."""
    network = onnx.ModelProto()
    network.CopyFrom(source.network)
    graph = network.graph
    names = dict(zip(ports, source.outputs, strict=True))
    inputs = ", ".join(f"float[N,Q,K] {port}" for port in ports)
    head = parser.parse_graph(f"head ({inputs}) => (float[N,R,C] predictions) {{ {text} }}")
    for node in head.node:
        node.input[:] = [names.get(name, f"head/{name}") for name in node.input]
        node.output[:] = [f"head/{name}" for name in node.output]
        node.name = node.output[0]
    numbers = {name: np.array([number], dtype=np.int64) for name, number in NUMBERS.items()}
    used = {name for node in head.node for name in node.input}
    graph.node.extend(head.node)
    graph.initializer.extend(
        numpy_helper.from_array(array, f"head/{name}")
        for name, array in {**numbers, **constants}.items()
        if f"head/{name}" in used
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("head/predictions", TensorProto.FLOAT, ["N", None, None]))
    return replace(source, network=network, predict=lambda pixels: [read(source.predict(pixels))])
