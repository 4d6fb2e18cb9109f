"""The service's boxes beside those of ultralytics' own `predict`."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from contract.tasks import IMAGE_SIZE, Task, output_names
from tests.analyzing import Analyzer

os.environ.setdefault("YOLO_AUTOINSTALL", "false")

SHOWN = 0.25  # score from which boxes are compared
Rows = np.ndarray  # [K,6] x1, y1, x2, y2, score, class


def served_boxes(analyze: Analyzer, photo: bytes, detector: str) -> Rows:
    boxes, scores, labels = (tensor[0] for tensor in analyze(photo, outputs=detection_outputs(detector)).values())
    rows = np.concatenate([boxes, scores[:, None], labels[:, None]], axis=1)
    return rows[labels >= 0]


def detection_outputs(detector: str) -> list[str]:
    return list(output_names(Task.DETECTION, detector))


def predictor(checkpoint: Path, side: int, end_to_end: bool | None = None) -> Callable[[Path], Rows]:
    """ultralytics' `predict` on a file, letterboxed to a square.

    Its warm-up is left out: it does nothing but import torchvision, which cannot be imported beside a CPU-only torch.
    """
    from ultralytics import YOLO
    from ultralytics.nn.autobackend import AutoBackend

    network = YOLO(checkpoint, task="detect")
    options = {"imgsz": side, "conf": SHOWN, "iou": 0.7, "rect": False, "device": "cpu", "verbose": False}

    def predict(photo: Path) -> Rows:
        warmup, AutoBackend.warmup = AutoBackend.warmup, lambda *_, **__: None
        try:
            found = network.predict(photo, nms=False if end_to_end else None, **options)
        finally:
            AutoBackend.warmup = warmup
        return found[0].boxes.data.numpy()

    return predict


def distances(analyze: Analyzer, photo: Path, predict: Callable[[Path], Rows], detector: str) -> list[float]:
    """Per box that ultralytics finds, pixels to the nearest served one of its class, in the worst of four sides."""
    served = served_boxes(analyze, photo.read_bytes(), detector)
    return [
        float(np.abs(served[served[:, 5] == row[5], :4] - row[:4]).max(axis=1).min(initial=np.inf))
        for row in predict(photo)
    ]


def count_labelled(analyze: Analyzer, photos: list[Path], detector: str) -> tuple[int, int]:
    """Objects of YOLO's label files that are found with their class and an IoU of 0.5, and how many there are."""
    found = total = 0
    for photo in photos:
        rows = served_boxes(analyze, photo.read_bytes(), detector)
        rows = rows[rows[:, 4] >= SHOWN]
        (size,) = analyze(photo.read_bytes(), outputs=[IMAGE_SIZE])[IMAGE_SIZE]
        for label, box in read_labels(photo, size):
            total += 1
            found += bool((overlaps(box, rows[rows[:, 5] == label, :4]) >= 0.5).any())
    return found, total


def read_labels(photo: Path, size: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """(class, xyxy in pixels) from the label file beside a picture: class, centre and sides as shares of its size."""
    path = Path(str(photo.with_suffix(".txt")).replace("/images/", "/labels/"))
    values = (
        [np.array(line.split(), dtype=np.float32) for line in path.read_text().splitlines()] if path.exists() else []
    )
    scale = np.tile(size, 2)
    return [
        (int(each[0]), np.concatenate([each[1:3] - each[3:] / 2, each[1:3] + each[3:] / 2]) * scale) for each in values
    ]


def overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """IoU of one box xyxy with each of boxes [K,4]."""
    sides = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None)
    shared = sides.prod(axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / (areas + np.prod(box[2:] - box[:2]) - shared)
