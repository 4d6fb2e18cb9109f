"""CMU Face Images: the labels, the pixels, and which people may train a model.

Source: T. Mitchell, CMU Face Images, UCI Machine Learning Repository, 1999, CC BY 4.0.
A pose is named from the person's own point of view: in a photo labelled `left` the face points to the picture's right.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Every fourth name of the alphabetical list. They are scored once a model is finished and decide nothing about it.
HELD_OUT = frozenset({"ch4f", "karyadi", "mitchell", "sz24"})
# Chosen among the twelve others: settings are compared on them, then all twelve train the bundled model.
VALIDATION = frozenset({"danieln", "phoebe", "kawamura"})

POSES = ("straight", "left", "right", "up")
EXPRESSIONS = ("neutral", "happy", "sad", "angry")
EYES = ("open", "sunglasses")

HEIGHT, WIDTH = 120, 128


@dataclass(frozen=True)
class Face:
    """One row of `labels.csv`."""

    file: str
    person: str
    pose: str
    expression: str
    eyes: str

    @property
    def smiling(self) -> bool:
        return self.expression == "happy"

    @property
    def sunglasses(self) -> bool:
        return self.eyes == "sunglasses"


def read_faces(folder: Path) -> list[Face]:
    """All faces of `labels.csv`, in its order. Raises FileNotFoundError where `folder` has none."""
    with open(folder / "labels.csv", newline="") as table:
        return [Face(**row) for row in csv.DictReader(table)]


def select_training(faces: Iterable[Face], keep_validation_out: bool = False) -> list[Face]:
    """Faces of the people who may train a model; with `keep_validation_out` less those it is tuned on."""
    excluded = HELD_OUT | VALIDATION if keep_validation_out else HELD_OUT
    return [face for face in faces if face.person not in excluded]


def select_people(faces: Iterable[Face], people: frozenset[str]) -> list[Face]:
    """Faces of `people` only."""
    return [face for face in faces if face.person in people]


def read_pixels(folder: Path, faces: Iterable[Face]) -> NDArray[np.uint8]:
    """Grey photos, uint8 [N, 120, 128], in the order of `faces`."""
    return np.stack([np.asarray(Image.open(folder / face.file).convert("L")) for face in faces])


def stretch_photos(photos: Iterable[Image.Image], size: int = 128) -> NDArray[np.uint8]:
    """Whole photos as a network gets them: RGB uint8 [N, size, size, 3], stretched (Pillow, bilinear)."""
    resized = (photo.convert("RGB").resize((size, size), Image.Resampling.BILINEAR) for photo in photos)
    return np.stack([np.asarray(photo) for photo in resized])


def read_photos(folder: Path, faces: Iterable[Face], size: int = 128) -> NDArray[np.uint8]:
    """Faces as a network gets them: RGB uint8 [N, size, size, 3]."""
    return stretch_photos((Image.open(folder / face.file) for face in faces), size)
