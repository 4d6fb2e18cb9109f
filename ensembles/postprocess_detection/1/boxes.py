"""From a YOLO head's predictions to boxes on the upright original."""

from dataclasses import dataclass

import numpy as np

BLOCK = 64  # candidates that are compared with each other and with all survivors at once
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
    hides, survivors = Overlaps(candidates, iou), np.empty(0, dtype=np.int64)
    for start in range(0, len(candidates.boxes), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(candidates.boxes)))
        block = block[~hides(survivors, block).any(axis=0)]
        survivors = np.concatenate([survivors, block[keep_best(hides(block, block))]])
        if len(survivors) >= most:
            break
    return survivors[:most]


def keep_best(hidden: np.ndarray) -> np.ndarray:
    """Of a block, sorted by score, the ones that no kept one before them hides; BOOL [K] from BOOL [K,K]."""
    kept = np.ones(len(hidden), dtype=bool)
    for index, behind in enumerate(hidden):
        if kept[index]:
            kept[index + 1 :] &= ~behind[index + 1 :]
    return kept


class Overlaps:
    """Which boxes hide which. NumPy is quick with long rows, so each edge is an array of its own."""

    def __init__(self, candidates: Detections, iou: float) -> None:
        self._left, self._top, self._right, self._bottom = np.ascontiguousarray(candidates.boxes.T)
        self._areas = (self._right - self._left) * (self._bottom - self._top)
        self._labels = candidates.labels
        self._share = iou / (
            1 + iou
        )  # that the intersection has of the sum of both areas, where it has `iou` of the union

    def __call__(self, better: np.ndarray, others: np.ndarray) -> np.ndarray:
        """BOOL [B,K]: whether a box of indices `better` overlaps one of the same class in `others` too much."""
        one = better[:, None]
        shared = np.minimum(self._right[one], self._right[others]) - np.maximum(self._left[one], self._left[others])
        np.maximum(shared, 0, out=shared)
        # Apart in height alone, the boxes share a negative area, which is no more than any.
        shared *= np.minimum(self._bottom[one], self._bottom[others]) - np.maximum(self._top[one], self._top[others])
        too_much = shared > self._share * (self._areas[one] + self._areas[others])
        return too_much & (self._labels[one] == self._labels[others])


def to_original(boxes: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Boxes [K,4] in tensor pixels to pixels of the upright original, clipped to it.

    `transform` is preprocess' FP32 [6] (scale_x, scale_y, left, top, width, height).
    """
    scale, offset, size = np.tile(transform.reshape(3, 2), 2)
    return np.clip((boxes - offset) / scale, 0, size).astype(np.float32)
