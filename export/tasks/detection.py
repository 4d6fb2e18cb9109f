"""Detection: boxes with label and score, read from a detector's head by a step behind it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from tritonclient.grpc import model_config_pb2 as pb

from contract.pixels import load_step
from contract.tasks import MAX_DETECTIONS, Task, output_names
from export.certificate import Certificate
from export.entry import Model
from export.errors import CheckpointError
from export.frameworks.source import Source
from export.nodes import finish as finish_graph
from export.tasks.heads import read_head
from export.tasks.shared import Difference, check_finite
from export.wiring import MODEL, REGION_BOXES, Output, Served, Wiring, add_tensor, make_step
from export.wording import count_nouns

LOADERS = {"ultralytics": "ultralytics", "onnx": "onnx", "torch": "torch", "keras": "keras"}
STEP = "postprocess_detection"
OUTPUTS: list[Output] = [
    ("BOXES", pb.TYPE_FP32, [MAX_DETECTIONS, 4]),
    ("SCORES", pb.TYPE_FP32, [MAX_DETECTIONS]),
    ("LABELS", pb.TYPE_INT32, [MAX_DETECTIONS]),
]
FOUND_SCORE, FOUND_IOU = 0.25, 0.5  # objects that count, and how well a box must fit
NEAR = 4  # pixels, below which the largest box that was found is none
FAR = 2  # sides of the input by which boxes may lie outside of it
boxes = load_step(STEP, "boxes")


def check_entry(model: Model) -> None:
    """Everything that a detector needs has a default, or comes with the checkpoint."""


def prepare(model: Model, source: Source) -> Source:
    """The head in one of two forms. Class names are needed, and the entry's must be as many as the checkpoint's."""
    if model.labels is None and source.labels is None:
        raise CheckpointError(f"{model.checkpoint}: carries no class names; give labels for {model.name}")
    if model.labels and source.labels and len(model.labels) != len(source.labels):
        raise CheckpointError(
            f"{model.checkpoint}: has {count_nouns(len(source.labels), 'class')}, labels of {model.name} name "
            f"{len(model.labels)}; give as many, or leave labels out"
        )
    return read_head(model, source)


def finish(graph: onnx.GraphProto, model: Model) -> None:
    (served,) = graph.output
    finish_graph(graph, served, [], "PREDICTIONS", [None, None])


def network_outputs(shape: list[int]) -> list[Output]:
    return [("PREDICTIONS", pb.TYPE_FP32, shape)]


def wire(wiring: Wiring, model: Model, certificate: Certificate) -> None:
    inner = {"PREDICTIONS": f"{model.name}_PREDICTIONS"}
    wiring.add_network(model, inner)
    names = output_names(Task.DETECTION, model.name)
    outputs = {output: name for (output, _, _), name in zip(OUTPUTS, names, strict=True)}
    inputs = {**inner, **wiring.name_model(model), "TRANSFORM": wiring.need_transform(model)}
    if wiring.is_looked_at(model):
        outputs[REGION_BOXES[0]] = wiring.region_boxes(model.name)
    wiring.add_step(STEP, inputs, outputs)
    for (_, kind, dims), name in zip(OUTPUTS, names, strict=True):
        wiring.add_output(name, kind, dims)


def step_config(served: Served) -> pb.ModelConfig:
    config = make_step(STEP)
    add_tensor(config.input, *MODEL)
    add_tensor(config.input, "PREDICTIONS", pb.TYPE_FP32, [-1, -1])
    add_tensor(config.input, "TRANSFORM", pb.TYPE_FP32, [6])
    for output in (*OUTPUTS, REGION_BOXES):
        add_tensor(config.output, *output)
    heads = {
        model.name: {
            "end_to_end": certificate.end_to_end,
            "score_floor": model.decoding.score_floor,
            "iou": model.decoding.iou,
        }
        for model, certificate, _ in served
        if model.task is Task.DETECTION
    }
    config.parameters["heads"].string_value = json.dumps(heads)
    return config


def describe(model: Model, certificate: Certificate) -> dict[str, Any]:
    return {"labels": certificate.labels, "min_score": model.min_score}


def difference(expected: list[np.ndarray], actual: list[np.ndarray], source: Source, model: Model) -> Difference:
    """Scores as they are, and boxes in pixels of the input; boxes count where their score may reach the answer."""
    if source.end_to_end:
        pairs = [_compare_rows(*rows, model) for rows in zip(expected[0], actual[0], strict=True)]
        return Difference(max(pair.value for pair in pairs), max(pair.pixels for pair in pairs))
    want, have = expected[0], actual[0]
    counting = want[:, 4:].max(1) >= model.decoding.score_floor
    pixels = np.abs(want[:, :4] - have[:, :4]).max(1)[counting]
    return Difference(float(np.abs(want[:, 4:] - have[:, 4:]).max()), float(pixels.max(initial=0)))


def _compare_rows(expected: np.ndarray, actual: np.ndarray, model: Model) -> Difference:
    """Each final box [K,6] against its nearest of the same class; near ties may change places."""
    floor = 2 * model.decoding.score_floor
    expected = expected[expected[:, 4] >= floor]
    if not len(expected):
        best = float(actual[:, 4].max(initial=0))
        return Difference(best if best > floor + model.atol else 0.0)
    pixels = np.abs(expected[:, None, :4] - actual[None, :, :4]).max(-1)
    scores = np.abs(expected[:, None, 4] - actual[None, :, 4])
    other = expected[:, None, 5] != actual[None, :, 5].round()
    distance = np.where(other, np.inf, np.maximum(pixels / model.atol_pixels, scores / model.atol))
    nearest = np.arange(len(expected)), distance.argmin(-1)
    if np.isinf(distance[nearest]).any():
        return Difference(float("inf"))
    return Difference(float(scores[nearest].max()), float(pixels[nearest].max()))


def check_meaning(outputs: list[np.ndarray], source: Source, model: Model) -> None:
    """Rows fit the labels, scores are within 0 and 1, and boxes are boxes of the picture."""
    rows = outputs[0]
    check_finite(rows, model)
    count = len(model.labels or source.labels or [])
    if not source.end_to_end and rows.shape[1] != 4 + count:
        raise CheckpointError(
            f"{model.checkpoint}: gives rows of {count_nouns(rows.shape[1], 'number')}, {model.name} with "
            f"{count_nouns(count, 'label')} needs {4 + count} (a box and one score per label); correct labels, or "
            "export a detector"
        )
    scores = rows[:, :, 4] if source.end_to_end else rows[:, 4:]
    if scores.min(initial=0) < -1e-3 or scores.max(initial=0) > 1 + 1e-3:
        raise CheckpointError(
            f"{model.checkpoint}: {model.name} gives scores from {scores.min():.3g} to {scores.max():.3g}, which are "
            "no probabilities; export it with its sigmoid, or correct decoding.head"
        )
    for picture in rows:
        _check_boxes(picture if source.end_to_end else _to_rows(picture), count, model)


def _to_rows(raw: np.ndarray) -> np.ndarray:
    """Predictions [4+labels, anchors] as rows (x1, y1, x2, y2, score, label)."""
    best = raw[4:].max(0), raw[4:].argmax(0)
    return np.concatenate([boxes.to_xyxy(raw[:4].T), np.stack(best, axis=1)], axis=1)


def _check_boxes(rows: np.ndarray, count: int, model: Model) -> None:
    """Corners in their order, labels that have names; where objects are found, boxes in pixels and not far outside."""
    rows = rows[rows[:, 4] >= model.decoding.score_floor]
    file = f"{model.checkpoint}: {model.name} gives"
    if (rows[:, 2:4] < rows[:, :2] - 1e-3).any():
        raise CheckpointError(f"{file} boxes whose right or lower side comes first; correct decoding.head")
    if len(rows) and not (rows[:, 5].min() >= 0 and rows[:, 5].max() < count):
        named = count_nouns(count, "name")
        raise CheckpointError(f"{file} labels up to {rows[:, 5].max():g} for {named}; correct labels")
    sides = np.array([model.geometry.width, model.geometry.height] * 2)
    found = rows[rows[:, 4] >= FOUND_SCORE, :4]
    if len(found) and (found[:, 2:] - found[:, :2]).max() < NEAR:
        raise CheckpointError(f"{file} boxes below {NEAR} pixels, as if they were shares; correct decoding.head")
    if len(found) and (np.median(np.abs(found) / sides, axis=0) > FAR).any():
        raise CheckpointError(
            f"{file} boxes up to {np.abs(found).max():.3g} pixels from the corner of {sides[0]}x{sides[1]}; a head "
            'that decodes its boxes itself is decoding = { head = "yolov5" }, one that does not is "yolox"'
        )


def read_answers(outputs: list[np.ndarray], model: Model, end_to_end: bool) -> list[Any]:
    """Detections that count."""
    if end_to_end:
        return [boxes.read_end_to_end(rows, FOUND_SCORE, MAX_DETECTIONS) for rows in outputs[0]]
    return [boxes.read_raw(rows, FOUND_SCORE, model.decoding.iou, MAX_DETECTIONS) for rows in outputs[0]]


def agreement(expected: list[Any], found: list[Any]) -> float:
    """F1 of the objects: same label, IoU of 0.5 and more."""
    total = sum(len(each.scores) for each in [*expected, *found])
    hits = sum(_count_hits(one, other) for one, other in zip(expected, found, strict=True))
    return 2 * hits / total if total else 1.0


def _count_hits(expected: Any, found: Any) -> int:
    """Objects that are found again, each box counted once, best first."""
    free = np.ones(len(found.scores), dtype=bool)
    hits = 0
    for box, label in zip(expected.boxes, expected.labels, strict=True):
        overlap = np.where(free & (found.labels == label), _measure_iou(box, found.boxes), 0)
        if overlap.max(initial=0) >= FOUND_IOU:
            free[overlap.argmax()] = False
            hits += 1
    return hits


def _measure_iou(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box [4] with each of [K,4]."""
    shared = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0, None).prod(axis=1)
    areas = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1)
    return shared / np.maximum(areas - shared, 1e-9)


def truth(model: Model, pictures: list[Path]) -> None:
    return None
