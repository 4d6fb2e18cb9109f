"""Training pictures: people of the CMU photos, cut out or with their room, at many scales on varied backgrounds."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.backgrounds import make_backgrounds
from zoo.boxes import boxes_of, find_heads
from zoo.cutouts import cut_out
from zoo.faces import Face, read_pixels
from zoo.objects import SIZE

Generator = np.random.Generator
SKIN = np.array([1.12, 0.97, 0.84])  # grey times this looks like skin; varied around it


class Person(NamedTuple):
    """A photo grey uint8 [120,128], the person's soft mask, and its boxes float32 [K,5] (class, x1, y1, x2, y2)."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    boxes: NDArray[np.float32]


class Composite(NamedTuple):
    """A picture RGB uint8 [S,S,3] and its boxes float32 [K,5] (class, x1, y1, x2, y2) in pixels."""

    picture: NDArray[np.uint8]
    boxes: NDArray[np.float32]


def read_people(folder: Path, faces: Sequence[Face]) -> list[Person]:
    """The faces with masks and boxes; people whom the cascade never sees are left out."""
    pixels = read_pixels(folder, faces)
    heads = find_heads(faces, pixels)
    masks = cut_out(pixels)
    return [
        Person(photo, mask, boxes_of(face, heads[face.person]))
        for face, photo, mask in zip(faces, pixels, masks, strict=True)
        if face.person in heads
    ]


class Composer:
    """Draws composites of side `size`, each from a seed of its own."""

    def __init__(self, people: Sequence[Person], seed: int, size: int = SIZE, backgrounds: int = 600) -> None:
        self.people, self.seed, self.size = people, seed, size
        self.bank = make_backgrounds(backgrounds, size, np.random.default_rng(seed))

    def __call__(self, index: int) -> Composite:
        rng = np.random.default_rng((self.seed, index))
        canvas = self.bank[rng.integers(len(self.bank))].astype(np.float32)
        boxes: list[NDArray[np.float32]] = []
        for height in self._heights(rng):
            person = self.people[rng.integers(len(self.people))]
            canvas, boxes = paste(canvas, boxes, person, height, rng)
        placed = np.concatenate(boxes) if boxes else np.zeros((0, 5), np.float32)
        return Composite(photograph(canvas, rng), clip(placed, self.size))

    def _heights(self, rng: Generator) -> list[float]:
        """Heights in pixels of the 120-pixel photos to paste, large ones first; at times none."""
        count = int(rng.choice([0, 1, 2, 3, 5], p=[0.08, 0.4, 0.27, 0.15, 0.1]))
        largest = 1.7 if count <= 2 else 0.8
        return sorted(self.size * np.exp(rng.uniform(np.log(0.1), np.log(largest), count)), reverse=True)


def paste(
    canvas: NDArray[np.float32], boxes: list[NDArray[np.float32]], person: Person, height: float, rng: Generator
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """Put a person somewhere; refuse a place that would hide a face that is there already."""
    size = canvas.shape[0]
    matrix = draw_placement(person, height, size, rng)
    placed = move(person.boxes, matrix)
    if any(covers(matrix, person, earlier[0]) for earlier in boxes):
        return canvas, boxes
    pixels = cv2.warpAffine(person.pixels, matrix, (size, size), flags=cv2.INTER_AREA).astype(np.float32)
    mask = person.mask if rng.random() < 0.8 else np.full_like(person.mask, 255)
    alpha = cv2.warpAffine(mask, matrix, (size, size), flags=cv2.INTER_AREA)[..., None] / np.float32(255)
    return canvas * (1 - alpha) + colour(pixels, rng) * alpha, [*boxes, placed]


def draw_placement(person: Person, height: float, size: int, rng: Generator) -> NDArray[np.float64]:
    """Affine matrix [2,3] from photo to canvas: scale, mirror, rotation, and a place that shows the face."""
    scale = height / 120
    stretch = np.exp(rng.normal(0, 0.08))
    angle = np.deg2rad(rng.normal(0, 9))
    mirror = -1 if rng.random() < 0.5 else 1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn @ np.diag([mirror * stretch, 1 / stretch])
    face = person.boxes[0, 1:].reshape(2, 2)
    radius = scale * (face[1, 1] - face[0, 1]) / 2
    low, high = min(radius * 0.8, size / 2), max(size - radius * 0.8, size / 2)
    target = rng.uniform(low, high, 2)
    return np.column_stack([linear, target - linear @ face.mean(0)])


def move(boxes: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Boxes [K,5] through an affine map; the box around a turned ellipse, not around the turned corners."""
    centres = (boxes[:, 1:3] + boxes[:, 3:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    halves = (boxes[:, 3:] - boxes[:, 1:3]) / 2
    spread = np.sqrt((halves**2) @ (matrix[:, :2].T ** 2))
    return np.column_stack([boxes[:, 0], centres - spread, centres + spread]).astype(np.float32)


def covers(matrix: NDArray[np.float64], person: Person, face: NDArray[np.float32]) -> bool:
    """Whether the photo's middle, placed by the matrix, would cover the centre of an earlier face."""
    centre = (face[1:3] + face[3:]) / 2
    x, y = np.linalg.solve(matrix[:, :2], centre - matrix[:, 2])
    return bool(-5 < x < 133 and -5 < y < 130)


def colour(pixels: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Grey [S,S] to RGB [S,S,3]: other light, and mostly a tint like skin."""
    lit = 255 * (pixels / 255) ** np.exp(rng.normal(0.0, 0.3)) * np.exp(rng.normal(0.05, 0.15))
    tint = np.ones(3) if rng.random() < 0.25 else SKIN ** rng.uniform(0.3, 1.8) * np.exp(rng.normal(0, 0.06, 3))
    return np.clip(lit[..., None] * tint, 0, 255).astype(np.float32)


def photograph(canvas: NDArray[np.float32], rng: Generator) -> NDArray[np.uint8]:
    """What cameras do: exposure, blur, noise, JPEG, at times no colour."""
    picture = canvas * np.exp(rng.normal(0, 0.15)) + rng.normal(0, 10)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.4))
    if rng.random() < 0.3:
        picture = picture + rng.normal(0, rng.uniform(2, 10), picture.shape)
    if rng.random() < 0.1:
        picture = np.repeat(picture.mean(-1, keepdims=True), 3, axis=-1)
    pixels = np.clip(picture, 0, 255).astype(np.uint8)
    return compress(pixels, rng) if rng.random() < 0.4 else pixels


def compress(pixels: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=int(rng.integers(30, 90)))
    return np.asarray(Image.open(buffer))


def clip(boxes: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Boxes inside the picture; those of which less than 40 % or fewer than 5 pixels a side remain go."""
    inside = boxes.copy()
    inside[:, 1:] = inside[:, 1:].clip(0, size)
    kept = area(inside) > 0.4 * area(boxes)
    return inside[kept & np.all(inside[:, 3:] - inside[:, 1:3] >= 5, axis=1)]


def area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.prod(boxes[:, 3:] - boxes[:, 1:3], axis=1)
