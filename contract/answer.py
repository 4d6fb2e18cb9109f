"""The tensors of `analyze` as results: rows per photo, and one reader per task."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from tritonclient.grpc import service_pb2 as messages
from tritonclient.utils import deserialize_bytes_tensor

from contract.card import Card
from contract.tasks import DEFAULT_MAX_OBJECTS, IMAGE_SIZE, NO_REGION, Task

Tensors = dict[str, np.ndarray]
DTYPES = {"FP32": np.float32, "INT32": np.int32}


def read_rows(response: messages.ModelInferResponse) -> Iterator[Tensors]:
    """The tensors of each photo of a request, without the batch dimension; BYTES become object arrays of bytes."""
    contents = zip(response.outputs, response.raw_output_contents, strict=True)
    tensors = {output.name: _read_tensor(output, content) for output, content in contents}
    for rows in zip(*tensors.values(), strict=True):
        yield dict(zip(tensors, rows, strict=True))


def _read_tensor(output: messages.ModelInferResponse.InferOutputTensor, content: bytes) -> np.ndarray:
    is_bytes = output.datatype == "BYTES"
    flat = deserialize_bytes_tensor(content) if is_bytes else np.frombuffer(content, DTYPES[output.datatype])
    return flat.reshape(output.shape)


def read_size(row: Tensors) -> tuple[int, int]:
    """Width and height of the upright photo."""
    width, height = row[IMAGE_SIZE].tolist()
    return width, height


@dataclass(frozen=True)
class Classification:
    """`probabilities` FP32 [labels], one per label of the card."""

    card: Card
    probabilities: np.ndarray

    @property
    def label(self) -> str:
        """The likeliest."""
        return self.card.labels[int(self.probabilities.argmax())]

    @property
    def positive(self) -> float:
        """The one number that stands for the classifier: the probability of its positive label."""
        return float(self.probabilities[self.card.labels.index(str(self.card.positive))])


@dataclass(frozen=True)
class Sentence:
    """A caption; `score` is its log-probability."""

    text: str
    score: float


@dataclass(frozen=True)
class Detection:
    """One box: x1, y1, x2, y2 in pixels of the upright photo. `index`: its row in the detector's outputs."""

    label: str
    score: float
    box: tuple[float, float, float, float]
    index: int


@dataclass(frozen=True)
class Detections:
    """All boxes of a detector, best first: `boxes` FP32 [K,4], `scores` FP32 [K], `labels` INT32 [K]."""

    card: Card
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def keep(
        self,
        min_score: float | None = None,
        most: int = DEFAULT_MAX_OBJECTS,
        labels: Collection[str] | None = None,
    ) -> list[Detection]:
        """The best `most` of at least `min_score` (the card's for None), of `labels` if any are given."""
        kept = self.scores >= (self.card.min_score if min_score is None else min_score)
        if labels is not None:
            kept &= np.isin(self.labels, [number for number, label in enumerate(self.card.labels) if label in labels])
        rows = np.flatnonzero(kept)[:most]
        values = zip(self.labels[rows], self.scores[rows].tolist(), self.boxes[rows].tolist(), rows, strict=True)
        return [Detection(self.card.labels[number], score, tuple(box), int(row)) for number, score, box, row in values]


@dataclass(frozen=True)
class Embedding:
    """`values` FP32 [D]."""

    values: np.ndarray


Result = Classification | Sentence | Detections | Embedding


def _read_classification(card: Card, tensors: list[np.ndarray]) -> Classification:
    return Classification(card, tensors[0])


def _read_sentence(_: Card, tensors: list[np.ndarray]) -> Sentence:
    text, score = tensors
    return Sentence(text[0].decode(errors="replace"), float(score[0]))


def _read_detections(card: Card, tensors: list[np.ndarray]) -> Detections:
    boxes, scores, labels = tensors
    count = int((labels >= 0).sum())
    return Detections(card, boxes[:count], scores[:count], labels[:count])


def _read_embedding(_: Card, tensors: list[np.ndarray]) -> Embedding:
    return Embedding(tensors[0])


READERS: dict[Task, Callable[[Card, list[np.ndarray]], Any]] = {
    Task.CLASSIFICATION: _read_classification,
    Task.CAPTION: _read_sentence,
    Task.DETECTION: _read_detections,
    Task.EMBEDDING: _read_embedding,
}


def read_result(card: Card, row: Tensors) -> Result | list[Result | None]:
    """What a model says about a photo; with a region, about each box of its detector in the detector's order, None
    where it did not look."""
    tensors = [row[name] for name in card.outputs]
    read = READERS[card.task]
    if card.region is None:
        return read(card, tensors)
    return [None if (values == NO_REGION).all() else read(card, [values]) for values in tensors[0]]


def read_main(card: Card, row: Tensors, cards: Iterable[Card]) -> Result | None:
    """What a model says about a photo; with a region, about the largest box that it looked at, None without one.

    `cards`: among them the detector's.
    """
    result = read_result(card, row)
    if not isinstance(result, list):
        return result
    detector = next(each for each in cards if card.region and each.name == card.region.of)
    boxes = row[detector.outputs[0]]
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).tolist()
    looked = [(area, each) for area, each in zip(areas, result, strict=False) if each]
    return max(looked, key=itemgetter(0), default=(0, None))[1]


def is_finite(card: Card, row: Tensors) -> bool:
    """Whether a network gave numbers: NaN and infinity are faults of the network, or of the photo."""
    numbers = (row[name] for name in card.outputs if row[name].dtype == np.float32)
    return all(bool(np.isfinite(values).all()) for values in numbers)
