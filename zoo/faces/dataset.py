"""The faces that `smiling` and `sunglasses` learn from: those of the CMU Face Images and of Flickr8k."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from zoo.faces.crops import Detector, read_rgb
from zoo.flickr8k import is_aside, read_captions

MARGIN, SIDE = 0.75, 160  # of the stored squares, which leave room to move in
MOST = 4  # faces of a photo
LEAST = 20  # pixels of a face's side in Flickr8k; smaller ones show nothing


@dataclass(frozen=True)
class Photo:
    """What is known of a photo. Of CMU's: person, pose, expression, eyes. Of Flickr8k's: the words of its captions."""

    path: Path
    aside: bool
    person: str = ""
    pose: str = ""
    expression: str = ""
    eyes: str = ""
    captions: tuple[tuple[str, ...], ...] = ()

    def mentions(self, *beginnings: str) -> int:
        """How many captions have a word that begins so."""
        return sum(any(word.startswith(beginnings) for word in words) for words in self.captions)


@dataclass(frozen=True)
class Face:
    """A face of a photo; `pixels` UINT8 [SIDE,SIDE,3] with MARGIN, `rank` 0 is the photo's largest."""

    photo: Photo
    pixels: np.ndarray
    size: float
    rank: int


def read_cmu(folder: Path) -> list[Photo]:
    """Every third person, in alphabetical order, is kept aside."""
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    aside = set(sorted({row["person"] for row in rows})[2::3])
    return [Photo(folder / row.pop("file"), row["person"] in aside, **row) for row in rows]


def read_flickr8k(folder: Path) -> list[Photo]:
    return [
        Photo(folder / "photos" / name, is_aside(name), captions=tuple(map(tuple, captions)))
        for name, captions in read_captions(folder).items()
    ]


def find_faces(photos: list[Photo]) -> list[Face]:
    """The faces that `faces` finds; of CMU's photos, which show one person, the one nearest to the middle."""
    detector, faces = Detector(), []
    for photo in tqdm(photos, desc="faces"):
        pixels = read_rgb(photo.path)
        boxes = detector.find(pixels)
        if photo.person:
            boxes = boxes[np.argsort(np.abs(boxes[:, [0, 2]].mean(axis=1) / pixels.shape[1] - 0.5))][:1]
        for rank, box in enumerate(boxes[:MOST]):
            size = float((box[2:4] - box[:2]).max())
            if photo.person or size >= LEAST:
                faces.append(Face(photo, detector.cut(pixels, box, MARGIN, SIDE), size, rank))
    return faces


def middle(margin: float) -> float:
    """The share of a stored square's side that a close-up with another margin has."""
    return (1 + 2 * margin) / (1 + 2 * MARGIN)


def close_up(pixels: np.ndarray, margin: float) -> np.ndarray:
    """The middle of a stored square, as if cut out with another margin."""
    edge = round(SIDE * (1 - middle(margin)) / 2)
    return pixels[edge : SIDE - edge, edge : SIDE - edge]
