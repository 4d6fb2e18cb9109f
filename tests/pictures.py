"""Small pictures made on the spot."""

import io
import struct

import numpy as np
from PIL import Image

# The turn that makes the stored picture from the upright one, by the value of the tag Orientation.
STORING = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def gradient(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """Left dark, right light, with colour from top to bottom."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([across, down, 255 - across], axis=-1).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def store(upright: Image.Image, orientation: int) -> Image.Image:
    """The picture as a camera stores it that was held in the way `orientation` says."""
    return upright.transpose(STORING[orientation]) if orientation in STORING else upright


def encode(image: Image.Image, container: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, container, **options)
    return buffer.getvalue()


def tag(number: int, kind: int, value: bytes, count: int = 1) -> tuple[int, bytes]:
    """An entry of a little-endian TIFF directory (TIFF 6.0, page 14); `value` stands in its last four bytes."""
    return number, struct.pack("<HHI", number, kind, count) + value.ljust(4, b"\0")


def short(number: int, value: int) -> tuple[int, bytes]:
    return tag(number, 3, struct.pack("<H", value))


def directory(*entries: tuple[int, bytes], behind: bytes = b"") -> bytes:
    """A TIFF file of one directory, which is also what an EXIF block is; `behind` it stands what entries point to."""
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + b"".join(entry for _, entry in entries) + bytes(4) + behind


def exif(*entries: tuple[int, bytes]) -> bytes:
    return b"Exif\0\0" + directory(*entries)
