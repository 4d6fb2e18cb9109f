"""Which boxes of a detector a network looks at, and the pixels of each."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

GAP = 2  # times the pixels of a crop that are left when it is resized; blocks of the others are averaged first


@dataclass(frozen=True)
class Region:
    """Where a model looks: boxes of at least `min_score` and of class `label` (any for None), the best `most`.

    `margin`: share of the box's longer side added on each side. `width`, `height`: of the network's input in pixels.
    """

    margin: float
    most: int
    min_score: float
    label: int | None
    width: int
    height: int

    def choose(self, boxes: np.ndarray) -> np.ndarray:
        """Indices of the rows that are looked at; `boxes` FP32 [K,6] (x1, y1, x2, y2, score, label), best first."""
        kept = (boxes[:, 5] >= 0) & (boxes[:, 4] >= self.min_score)
        if self.label is not None:
            kept &= boxes[:, 5] == self.label
        return np.flatnonzero(kept)[: self.most]

    def crop(self, pixels: np.ndarray, box: np.ndarray) -> np.ndarray:
        """UINT8 [height,width,3] of a box (x1, y1, x2, y2 in pixels of `pixels`), with the margin around it.

        The square around the box's centre, with the box's longer side and a margin on each of its sides. What lies
        outside of the photo repeats its edge.
        """
        centre, side = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max()) * (1 + 2 * self.margin)
        left, top = centre - side / 2
        return cut(pixels, (left, top, left + side, top + side), (self.width, self.height))


def cut(pixels: np.ndarray, box: tuple[float, float, float, float], size: tuple[int, int]) -> np.ndarray:
    """A box of the picture in another size (width, height); where it shrinks, every pixel counts."""
    left, top = (int(np.floor(value)) for value in box[:2])
    right, bottom = (int(np.ceil(value)) for value in box[2:])
    columns, beside = span(left, max(right, left + 1), pixels.shape[1])
    rows, above = span(top, max(bottom, top + 1), pixels.shape[0])
    image = Image.fromarray(np.pad(pixels[rows, columns], (above, beside, (0, 0)), mode="edge"))
    inner = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, inner, reducing_gap=GAP))


def span(start: int, stop: int, length: int) -> tuple[slice, tuple[int, int]]:
    """What of start … stop lies in 0 … length, one pixel at least, and how often its first and last are repeated."""
    first = min(max(start, 0), length - 1)
    last = max(min(stop, length), first + 1)
    before = min(max(first - start, 0), stop - start - 1)
    return slice(first, last), (before, stop - start - before - (last - first))
