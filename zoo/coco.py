"""COCO's classes and its average precision (Lin et al. 2014, arXiv:1405.0312)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis",
    "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich",
    "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed",
    "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven",
    "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier",
    "toothbrush",
)  # fmt: skip
RECALLS = np.linspace(0, 1, 101)

Found = tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes [K,4] xyxy, scores [K] and labels [K], best first


@dataclass(frozen=True)
class Truth:
    """`boxes` FP64 [K,4] xyxy in pixels, `labels` INT64 [K]."""

    path: Path
    boxes: np.ndarray
    labels: np.ndarray


def read_coco8(folder: Path) -> list[Truth]:
    """Photos with YOLO labels: class, centre and size as shares of the photo's sides."""
    truths = []
    for path in sorted(folder.glob("images/*/*.jpg")):
        labels = folder / "labels" / path.parent.name / f"{path.stem}.txt"
        rows = np.loadtxt(labels, ndmin=2) if labels.exists() else np.empty((0, 5))
        centres, halves = rows[:, 1:3], rows[:, 3:5] / 2
        with Image.open(path) as image:
            boxes = np.hstack([centres - halves, centres + halves]) * np.tile(image.size, 2)
        truths.append(Truth(path, boxes, rows[:, 0].astype(int)))
    return truths


def average_precision(found: Sequence[Found], truths: Sequence[Truth], iou: float = 0.5) -> float:
    """The mean over the classes that occur, at one IoU."""
    classes = np.unique(np.concatenate([truth.labels for truth in truths]))
    return float(np.mean([_class_precision(found, truths, label, iou) for label in classes]))


def _class_precision(found: Sequence[Found], truths: Sequence[Truth], label: int, iou: float) -> float:
    scores, hits = [], []
    for (boxes, confidences, labels), truth in zip(found, truths, strict=True):
        mine = labels == label
        scores.append(confidences[mine])
        hits.append(_match(boxes[mine], truth.boxes[truth.labels == label], iou))
    right = np.concatenate(hits)[np.argsort(-np.concatenate(scores), kind="stable")]
    if not right.size:
        return 0.0
    recall = right.cumsum() / sum((truth.labels == label).sum() for truth in truths)
    precision = np.maximum.accumulate((right.cumsum() / np.arange(1, right.size + 1))[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS - 1e-9)
    return float(np.append(precision, 0.0)[np.minimum(places, right.size)].mean())


def _match(boxes: np.ndarray, wanted: np.ndarray, iou: float) -> np.ndarray:
    """BOOL [K]: which boxes, the best first, each take a wanted box of their own."""
    free, hits = np.ones(len(wanted), bool), np.zeros(len(boxes), bool)
    for index, box in enumerate(boxes):
        shared = np.clip(np.minimum(box[2:], wanted[:, 2:]) - np.maximum(box[:2], wanted[:, :2]), 0, None).prod(axis=1)
        union = np.prod(box[2:] - box[:2]) + np.prod(wanted[:, 2:] - wanted[:, :2], axis=1) - shared
        overlaps = np.where(free, shared / union, 0)
        if overlaps.size and overlaps.max() >= iou:
            free[overlaps.argmax()] = False
            hits[index] = True
    return hits
