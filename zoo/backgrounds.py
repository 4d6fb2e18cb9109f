"""Colour backgrounds for training: generated ones, and crops of scikit-image's own sample pictures."""

from collections.abc import Callable
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

# Sample pictures inside scikit-image's wheel. `astronaut` is missing on purpose: the models are tried on it.
SAMPLES = (
    "brick.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "color.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "page.png",
    "rocket.jpg",
    "text.png",
)

Generator = np.random.Generator
Picture = NDArray[np.uint8]


def make_backgrounds(count: int, size: int, rng: Generator) -> Picture:
    """A bank of backgrounds, RGB uint8 [count, size, size, 3]: half from sample pictures, half generated."""
    samples = read_samples()
    draw: list[Callable[[], Picture]] = [
        lambda: crop_sample(samples[rng.integers(len(samples))], size, rng),
        lambda: crop_sample(samples[rng.integers(len(samples))], size, rng),
        lambda: draw_gradient(size, rng),
        lambda: draw_shapes(size, rng),
        lambda: draw_noise(size, rng),
        lambda: draw_plain(size, rng),
    ]
    return np.stack([draw[index % len(draw)]() for index in range(count)])


def read_samples() -> list[Image.Image]:
    """The sample pictures in RGB."""
    folder = files("skimage") / "data"
    return [Image.open(str(folder / name)).convert("RGB") for name in SAMPLES]


def crop_sample(picture: Image.Image, size: int, rng: Generator) -> Picture:
    """A random crop, at least a quarter of the shorter side, at times mirrored."""
    edge = int(min(picture.size) * rng.uniform(0.25, 1.0))
    left = int(rng.integers(0, picture.width - edge + 1))
    top = int(rng.integers(0, picture.height - edge + 1))
    crop = picture.resize((size, size), Image.Resampling.BILINEAR, (left, top, left + edge, top + edge))
    array = np.asarray(crop)
    return array[:, ::-1] if rng.random() < 0.5 else array


def draw_plain(size: int, rng: Generator) -> Picture:
    """One colour with a little noise."""
    return _to_uint8(rng.uniform(0, 255, 3) + rng.normal(0, rng.uniform(0, 12), (size, size, 1)))


def draw_gradient(size: int, rng: Generator) -> Picture:
    """A linear blend of two colours in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    grid = np.linspace(-0.7, 0.7, size)
    ramp = np.clip(0.5 + np.cos(angle) * grid[None, :] + np.sin(angle) * grid[:, None], 0, 1)[..., None]
    return _to_uint8(ramp * rng.uniform(0, 255, 3) + (1 - ramp) * rng.uniform(0, 255, 3))


def draw_noise(size: int, rng: Generator) -> Picture:
    """Clouds: coloured noise at several scales."""
    total = np.full((size, size, 3), rng.uniform(40, 215, 3))
    for cells in (2, 4, 8, 16, 32):
        coarse = Image.fromarray(_to_uint8(rng.normal(128, 50, (cells, cells, 3))))
        total += (np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), float) - 128) * rng.uniform(
            0.1, 0.8
        )
    return _to_uint8(total)


def draw_shapes(size: int, rng: Generator) -> Picture:
    """Rectangles, ellipses and lines over a gradient: windows, shelves, lamps."""
    picture = Image.fromarray(draw_gradient(size, rng))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(4, 24))):
        x, y = rng.uniform(-0.2, 1.0, 2) * size
        w, h = rng.uniform(0.05, 0.6, 2) * size
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        [pen.rectangle, pen.ellipse, pen.line][rng.integers(3)]((x, y, x + w, y + h), fill=colour)
    return np.asarray(picture)


def _to_uint8(values: NDArray[np.floating]) -> Picture:
    return np.clip(values, 0, 255).astype(np.uint8)
