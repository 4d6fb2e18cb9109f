"""Small pictures made on the spot."""

import io

import numpy as np
from PIL import Image


def gradient(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """Left dark, right light, with colour from top to bottom."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([across, down, 255 - across], axis=-1).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encode(image: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()
