"""Photos of a wanted size, made from the sample photo."""

from pathlib import Path

from PIL import Image

from bench.service import SAMPLE

FACE = (112, 0, 336, 252)  # of the sample: head and shoulders


def write_photo(path: Path, width: int, height: int, quality: int = 88) -> Path:
    """The sample photo, stretched to a JPEG of `width` by `height` pixels. Returns `path`."""
    Image.open(SAMPLE).resize((width, height), Image.Resampling.BICUBIC).save(path, quality=quality)
    return path


def write_faces(path: Path, count: int) -> Path:
    """A JPEG of 1280×720 that shows the face of the sample photo `count` times, eight at most. Returns `path`."""
    photo = Image.new("RGB", (1280, 720), (124, 132, 118))
    face = Image.open(SAMPLE).convert("RGB").crop(FACE).resize((320, 360), Image.Resampling.BICUBIC)
    for index in range(count):
        photo.paste(face, (index % 4 * 320, index // 4 * 360))
    photo.save(path, quality=92)
    return path
