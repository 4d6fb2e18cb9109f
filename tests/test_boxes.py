"""Detection postprocessing, without a server."""

import sys

import numpy as np
import pytest

from export.entry import ROOT

sys.path.insert(0, str(ROOT / "ensembles" / "postprocess_detection" / "1"))
import boxes

SCORES = np.array([0.9, 0.8, 0.7, 0.6], dtype=np.float32)
XYXY = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [0, 0, 10, 10], [50, 50, 60, 60]], dtype=np.float32)
CLASSES = [0, 0, 1, 0]


def raw_head(xyxy, scores, classes):
    """Predictions [4+2, anchors] as YOLOv8 gives them."""
    centre, sides = (xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]
    by_class = np.zeros((2, len(scores)), dtype=np.float32)
    by_class[classes, np.arange(len(scores))] = scores
    return np.concatenate([centre.T, sides.T, by_class]).astype(np.float32)


@pytest.mark.parametrize(("iou", "kept"), [(0.5, [0, 2, 3]), (0.9, [0, 1, 2, 3])])
def test_raw_head_is_suppressed_per_class(iou, kept):
    found = boxes.read_raw(raw_head(XYXY, SCORES, CLASSES), 0.1, iou, 300)
    assert found.scores.tolist() == SCORES[kept].tolist()
    assert found.labels.tolist() == [CLASSES[index] for index in kept]
    assert np.allclose(found.boxes, XYXY[kept])


def test_suppression_agrees_with_the_definition():
    random = np.random.default_rng(0)
    corners = random.uniform(0, 100, (200, 2))
    xyxy = np.concatenate([corners, corners + random.uniform(5, 40, (200, 2))], axis=1).astype(np.float32)
    scores = np.sort(random.uniform(0.1, 1, 200).astype(np.float32))[::-1]
    labels = random.integers(0, 3, 200)
    kept = boxes.suppress(boxes.Detections(xyxy, scores, labels), 0.45, 300)
    expected: list[int] = []
    for index in range(200):
        rivals = [other for other in expected if labels[other] == labels[index]]
        if all(overlap(xyxy[index], xyxy[other]) <= 0.45 for other in rivals):
            expected.append(index)
    assert kept.tolist() == expected


def overlap(one, other):
    sides = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)
    shared = sides.prod()
    return shared / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - shared)


def test_end_to_end_head_is_sorted_and_cut_at_the_floor():
    rows = np.array([[0, 0, 1, 1, 0.2, 1], [0, 0, 2, 2, 0.9, 0], [0, 0, 3, 3, 0.001, 0]], dtype=np.float32)
    found = boxes.read_end_to_end(rows, 0.01, 300)
    assert found.scores.tolist() == pytest.approx([0.9, 0.2])
    assert found.labels.tolist() == [0, 1]


@pytest.mark.parametrize("read", [lambda: boxes.read_end_to_end(np.zeros((300, 6), np.float32), 0.01, 300),
                                  lambda: boxes.read_raw(np.zeros((6, 50), np.float32), 0.01, 0.7, 300)])  # fmt: skip
def test_nothing_found_gives_no_rows(read):
    found = read()
    assert found.boxes.shape == (0, 4)
    assert found.labels.shape == (0,)


def test_boxes_go_back_to_the_original_and_are_clipped():
    transform = np.array([0.5, 0.5, 10, 0, 100, 200], dtype=np.float32)
    moved = boxes.to_original(np.array([[15, 5, 40, 50], [0, 0, 900, 900]], dtype=np.float32), transform)
    assert moved.tolist() == [[10, 10, 60, 100], [0, 0, 100, 200]]
