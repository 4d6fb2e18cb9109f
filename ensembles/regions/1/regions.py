"""Which boxes of a detector a network looks at, and the pixels of each."""

from dataclasses import dataclass

import numpy as np
from PIL import Image


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
        scale_x, scale_y = side / self.width, side / self.height
        return cut(pixels, (left, top, left + side, top + side), (self.width, self.height), max(scale_x, scale_y))


def cut(pixels: np.ndarray, box: tuple[float, float, float, float], size: tuple[int, int], scale: float) -> np.ndarray:
    """A box of the picture in another size (width, height), smoothed where it shrinks by `scale` and more than 1."""
    height, width = pixels.shape[:2]
    left, top = (int(np.floor(value)) for value in box[:2])
    right, bottom = (int(np.ceil(value)) for value in box[2:])
    columns = np.clip(np.arange(left, max(right, left + 1)), 0, width - 1)
    rows = np.clip(np.arange(top, max(bottom, top + 1)), 0, height - 1)
    image = Image.fromarray(pixels[rows[:, None], columns])
    inner = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=inner))
