"""Photos of a wanted size, made from the sample photo."""

from pathlib import Path

from PIL import Image

from bench.service import SAMPLE


def write_photo(path: Path, width: int, height: int, quality: int = 88) -> Path:
    """The sample photo, stretched to a JPEG of `width` by `height` pixels. Returns `path`."""
    Image.open(SAMPLE).resize((width, height), Image.Resampling.BICUBIC).save(path, quality=quality)
    return path
