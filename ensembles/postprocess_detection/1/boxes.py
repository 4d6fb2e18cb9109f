"""From a YOLO head's predictions to boxes on the upright original."""

from dataclasses import dataclass

import numpy as np

MAX_CANDIDATES = 3000  # kept before NMS; more never survive into the best 300 of real photos


@dataclass(frozen=True)
class Detections:
    """Best first. `boxes` FP32 [K,4] xyxy, `scores` FP32 [K] in [0,1], `labels` INT32 [K]."""

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def __getitem__(self, index) -> "Detections":
        return Detections(self.boxes[index], self.scores[index], self.labels[index])


def read_end_to_end(predictions: np.ndarray, score_floor: float, most: int) -> Detections:
    """The best `most` of predictions FP32 [K,6] (x1, y1, x2, y2, score, class), as YOLO26 and YOLOv10 give them.

    They need no NMS.
    """
    kept = predictions[predictions[:, 4] >= score_floor]
    order = np.argsort(-kept[:, 4], kind="stable")[:most]
    kept = kept[order]
    return Detections(kept[:, :4], kept[:, 4], kept[:, 5].astype(np.int32))


def read_raw(predictions: np.ndarray, score_floor: float, iou: float, most: int) -> Detections:
    """The best `most` of predictions FP32 [4+classes, anchors] (cx, cy, w, h, class scores), as YOLOv8 and YOLO11
    give them; NMS per class."""
    scores = predictions[4:].max(axis=0)
    anchors = np.flatnonzero(scores >= score_floor)
    anchors = anchors[np.argsort(-scores[anchors], kind="stable")[:MAX_CANDIDATES]]
    labels = predictions[4:, anchors].argmax(axis=0).astype(np.int32)
    candidates = Detections(to_xyxy(predictions[:4, anchors].T), scores[anchors], labels)
    return candidates[suppress(candidates, iou, most)]


def to_xyxy(boxes: np.ndarray) -> np.ndarray:
    """[K,4] (cx, cy, w, h) to (x1, y1, x2, y2)."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def suppress(candidates: Detections, iou: float, most: int) -> np.ndarray:
    """Class-aware greedy non-maximum suppression over candidates sorted by score; indices of the best
    `most` survivors."""
    boxes, labels = candidates.boxes, candidates.labels
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    left = np.arange(len(boxes))
    survivors: list[int] = []
    while left.size and len(survivors) < most:
        best, rest = left[0], left[1:]
        survivors.append(best)
        overlap = intersection(boxes[best], boxes[rest])
        union = areas[best] + areas[rest] - overlap
        same = labels[rest] == labels[best]
        left = rest[~(same & (overlap > iou * union))]
    return np.array(survivors, dtype=np.int64)


def intersection(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Areas [K] that one box [4] shares with each of boxes [K,4]."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    return np.prod(np.clip(sides, 0, None), axis=1)


def to_original(boxes: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Boxes [K,4] in tensor pixels to pixels of the upright original, clipped to it.

    `transform` is preprocess' FP32 [6] (scale_x, scale_y, left, top, width, height).
    """
    scale, offset, size = np.tile(transform.reshape(3, 2), 2)
    return np.clip((boxes - offset) / scale, 0, size).astype(np.float32)
