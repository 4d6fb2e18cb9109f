"""A Triton that answers from memory, with several models of every task: the bundled ones are one of each."""

import numpy as np

from contract.card import Card, Catalog, Region
from contract.tasks import IMAGE_SIZE, MAX_DETECTIONS, NO_LABEL, Task


def card(name, task, **fields):
    return Card(name, task, version="1", checksum="sha256:0", geometry={}, **fields)


def detections(name, *rows):
    """Tensors of a detector: (box, score, label) best first."""
    boxes, scores = np.zeros((MAX_DETECTIONS, 4), np.float32), np.zeros(MAX_DETECTIONS, np.float32)
    labels = np.full(MAX_DETECTIONS, NO_LABEL, np.int32)
    for number, (box, score, label) in enumerate(rows):
        boxes[number], scores[number], labels[number] = box, score, label
    return {f"{name}_boxes": boxes, f"{name}_scores": scores, f"{name}_labels": labels}


FACES = card("faces", Task.DETECTION, labels=["face"], min_score=0.4)
OBJECTS = card("objects", Task.DETECTION, labels=["cup", "dog"])
SMILING = card("smiling", Task.CLASSIFICATION, labels=["no", "yes"], positive="yes")
WORDS, TITLE = card("caption", Task.CAPTION), card("title", Task.CAPTION)
VECTOR = card("vector", Task.EMBEDDING, size=3)
LIKENESS = card("likeness", Task.EMBEDDING, size=2, default=False)
LOOKING = card("glad", Task.CLASSIFICATION, labels=["no", "yes"], positive="yes", region=Region("faces"))
CARDS = [FACES, OBJECTS, SMILING, WORDS, TITLE, VECTOR, LIKENESS, LOOKING]
SMALL, LARGE = (0, 0, 10, 10), (20, 20, 60, 60)


def make_row(**changes):
    return {
        IMAGE_SIZE: np.array([96, 64], np.int32),
        "smiling": np.array([0.25, 0.75], np.float32),
        "caption": np.array([b"a cup"], object),
        "caption_score": np.array([-1.5], np.float32),
        "title": np.array(["eine schöne Tasse".encode()], object),
        "title_score": np.array([-2.0], np.float32),
        "vector": np.array([0.123456789, -1e-9, 12345.678], np.float32),
        "likeness": np.array([0.6, 0.8], np.float32),
        "glad": np.array([[0.9, 0.1], [0.2, 0.8]], np.float32),
        **detections("faces", (SMALL, 0.9, 0), (LARGE, 0.6, 0), (LARGE, 0.3, 0)),
        **detections("objects", (LARGE, 0.5, 1), (SMALL, 0.3, 0)),
        **changes,
    }


class CannedTriton:
    """Stands in for `gateway.triton.TritonClient`."""

    def is_ready(self):
        return True

    def catalog(self):
        return Catalog(CARDS)

    def analyze(self, images, *arguments):
        return [make_row() for _ in images]
