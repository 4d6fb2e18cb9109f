"""From the bytes of an image file to upright RGB pixels: the one place where files become pixels.

The preprocess step, export's parity check, training, annotated photos and thumbnails all use it.

    Container            Who says how it is turned               Who turns it
    JPEG, MPO, PNG, WebP EXIF's Orientation, else XMP's          this module
    TIFF                 the tag Orientation, else XMP's         Pillow, while it loads
    AVIF                 the boxes `irot` and `imir`; without    this module
                         them XMP's. EXIF's does not count
    HEIC                 the boxes `irot` and `imir` alone       libheif, while it decodes

Browsers know fewer (Chromium 156: EXIF in JPEG and PNG, the boxes in AVIF; nothing in WebP, nothing of XMP, no TIFF or
HEIC), so a page that draws boxes must show the picture as it is here.
"""

import io
import math
import re
import struct
import sys
import warnings
from dataclasses import dataclass

import numpy as np
import pi_heif
from geometry import Box, Geometry, resize
from PIL import Image, ImageFile
from PIL.Image import open as open_image  # by this name: ultralytics replaces PIL.Image.open when it is imported

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000", "PPM")
# What files that Pillow cannot open may be, by a mark near their beginning; the first that fits counts.
CONTENT = {
    b"\xff\xd8\xff": "a JPEG file that is broken or cut off",
    b"\x89png": "a PNG file that is broken or cut off",
    b"webp": "a WebP file that is broken or cut off",
    b"ftypavi": "an AVIF file that is broken, cut off or of a rare kind",
    b"ii*\0": "a TIFF file that is broken, cut off or of a rare kind",
    b"mm\0*": "a TIFF file that is broken, cut off or of a rare kind",
    b"ftyphei": "a HEIC file that is broken or cut off",
    b"ftypmif1": "a HEIC file that is broken or cut off",
    b"ftypisom": "a video",
    b"ftypmp4": "a video",
    b"ftypqt": "a video",
    b"%pdf": "a PDF document",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML document, perhaps an SVG drawing",
    b"<html": "a web page",
    b"<!doctype html": "a web page",
    b"pk\x03\x04": "an archive or an office document",
}
ICON = b"\0\0\1\0"
ORIENTATION_TAG = 0x0112
# What must be done to stored pixels, by the value of the tag Orientation (TIFF 6.0, page 36; EXIF 2.32, 4.6.4).
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LOSSY = ("JPEG", "MPO")  # whose pixels need not all count
SIDEWAYS = (5, 6, 7, 8)  # width and height change places
TURNED_BY_DECODER = ("TIFF", "HEIF")
XMP_ORIENTATION = re.compile(rb"""tiff:Orientation(?:\s*=\s*["']|\s*>)\s*([1-8])""")
AVIF_EXIF_ITEM = re.compile(rb"(infe.{8,10})Exif", re.DOTALL)
HEIF_SIZE = re.compile(rb"ispe\0{4}(.{8})", re.DOTALL)  # ISO/IEC 23008-12, 6.5.3: width and height as coded
# Of a JPEG at least this many times the pixels that a geometry needs are left when it is resized: the decoder's scales
# of 1/2, 1/4, 1/8 come before, and averages of blocks. Against resizing all pixels it costs 0.2 to 1.4 of 255, about as
# much as 2 (0.2 to 1.1), and half of the time (`make bench ARGS="--only decoders"`).
GAP = 1.5
PHOTOMETRIC_TAG = 262  # TIFF
DEPTHS = (255, 4095, 65535, 2**32 - 1)  # the largest integers of 8, 12, 16 and 32 bits

# Pillow's own bomb check warns at half its limit; the limit here is the caller's `max_pixels`.
Image.MAX_IMAGE_PIXELS = None
Image.init()  # registers every format; `Image.open(formats=…)` does not
ImageFile.LOAD_TRUNCATED_IMAGES = False
# The callers decode several photos at a time, each in one thread.
pi_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


class BadImage(ValueError):
    """The bytes are no picture that can be used; the message is meant for the client."""


@dataclass(frozen=True)
class Picture:
    """Upright RGB `pixels`, perhaps of a reduced decode, and the `size` (width, height) of the upright original.

    `box` is the part of the pixels that holds the original (None: all of them): 1001 pixels at an eighth are 126, of
    which 125.125 count. `gap` is how many times the pixels that a resize needs it must keep; None: all.
    """

    pixels: Image.Image
    size: tuple[int, int]
    box: Box | None = None
    gap: float | None = None

    def fit(self, geometry: Geometry) -> np.ndarray:
        """UINT8 [H,W,3] RGB in the geometry."""
        return np.asarray(geometry.fit(self.pixels, self._held, self.size, self.gap))

    def shrink(self, longest: int) -> np.ndarray:
        """UINT8 [h,w,3] RGB, the longer side at most `longest` pixels; never enlarged."""
        ratio = min(1.0, longest / max(self.size))
        size = max(1, round(self.size[0] * ratio)), max(1, round(self.size[1] * ratio))
        return np.asarray(resize(self.pixels, size, "antialias", self._held, self.gap))

    def reduce(self, longest: int) -> np.ndarray:
        """UINT8 [h,w,3] RGB: the pixels, or averages of square blocks of them, so that the longer side has at least
        `longest` pixels, and less than twice as many."""
        factor = max(self.pixels.size) // longest
        return np.asarray(self.pixels.reduce(factor) if factor > 1 else self.pixels)

    @property
    def _held(self) -> Box:
        return self.box or (0, 0, *self.pixels.size)


def decode(data: bytes, geometries: list[Geometry], max_pixels: int, longest: int = 0) -> Picture:
    """Decode the first frame (HEIC: the primary image) of an image file, upright and RGB.

    JPEG is decoded at the smallest DCT scale that still gives every geometry GAP times its pixels, and a longer side of
    `longest` pixels where the original has them; what a geometry does not need of it is averaged.

    Raises:
        BadImage: no image, an unsupported format, a broken file, or more than `max_pixels` pixels.
    """
    image = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on odd metadata are of no use to anybody here
            image = _open(data)
            _check_pixels(image, data, max_pixels)
            return _decode(image, geometries, longest)
    except BadImage:
        raise
    except Exception as error:  # decoders raise nearly anything on broken files
        found = _name_content(data) if image is None else _describe_failure(image, data, error)
        raise BadImage(f"cannot decode image: {found}; accepted formats are {', '.join(FORMATS)}") from error


def open_upright(data: bytes, max_pixels: int, longest: int | None = None) -> Image.Image:
    """An image file as an upright RGB picture in full size, or no longer than `longest` pixels.

    Raises:
        BadImage: as `decode`.
    """
    if longest is None:
        return decode(data, [], max_pixels, sys.maxsize).pixels
    return Image.fromarray(decode(data, [], max_pixels, math.ceil(GAP * longest)).shrink(longest))


def _open(data: bytes) -> Image.Image:
    try:
        return open_image(io.BytesIO(data), formats=FORMATS)
    except Exception:
        # An AVIF file whose EXIF libavif and Pillow cannot read or write again? Nothing in it is needed here.
        return open_image(io.BytesIO(AVIF_EXIF_ITEM.sub(rb"\1none", data)), formats=("AVIF",))


def _check_pixels(image: Image.Image, data: bytes, max_pixels: int) -> None:
    """HEIC pictures may show a small part of a large one: what is coded counts."""
    coded = [struct.unpack(">II", size) for size in HEIF_SIZE.findall(data)] if image.format == "HEIF" else []
    pixels = max(width * height for width, height in [image.size, *coded])
    if pixels > max_pixels:
        raise BadImage(f"image has {pixels} pixels, at most {max_pixels} are accepted")


def _decode(image: Image.Image, geometries: list[Geometry], longest: int) -> Picture:
    orientation = _read_orientation(image)
    size = image.size[::-1] if orientation in SIDEWAYS else image.size
    box = _reduce(image, _needed_size(size, geometries, longest), orientation)
    _forget_directories(image)
    image.load()
    if image.format in TURNED_BY_DECODER:  # and so `size` may have changed
        return Picture(to_rgb(image), image.size)
    upright = image.transpose(TURNS[orientation]) if orientation in TURNS else image
    gap = GAP if image.format in LOSSY else None
    return Picture(to_rgb(upright), size, _turn_box(box, image.size, orientation), gap)


def _read_orientation(image: Image.Image) -> int:
    """1 to 8; 1 where nothing useful is said. EXIF that cannot be read says nothing; XMP may still."""
    if image.format in TURNED_BY_DECODER:
        return 1
    try:
        found = image.getexif().get(ORIENTATION_TAG)
    except Exception:  # Pillow raises nearly anything on broken EXIF
        found = None
    if found is None:
        xmp = XMP_ORIENTATION.search(image.info.get("xmp", b""))
        found = int(xmp[1]) if xmp else 1
    return found if found in TURNS else 1


def _forget_directories(image: Image.Image) -> None:
    """Pillow reads a TIFF file's EXIF and GPS behind its pixels, and gives the photo up where they are broken."""
    if image.format == "TIFF":
        exif = image.getexif()
        for other in set(exif) - {ORIENTATION_TAG}:
            del exif[other]


def _needed_size(size: tuple[int, int], geometries: list[Geometry], longest: int) -> tuple[int, int]:
    """The least (width, height) in which an upright picture of the given size must be decoded."""
    ratio = min(1.0, longest / max(size))
    needs = [geometry.decoded_size(*size) for geometry in geometries]
    widths, heights = [math.ceil(GAP * width) for width, _ in needs], [math.ceil(GAP * height) for _, height in needs]
    return max(1, round(size[0] * ratio), *widths), max(1, round(size[1] * ratio), *heights)


def _reduce(image: Image.Image, needed: tuple[int, int], orientation: int) -> Box:
    """Ask the JPEG decoder for the smallest scale (1/2, 1/4, 1/8) that gives the upright size `needed`; others ignore
    it. Gives the part of the stored pixels that counts."""
    drafted = image.draft(None, needed[::-1] if orientation in SIDEWAYS else needed)
    return drafted[1] if drafted else (0, 0, *image.size)


def _turn_box(box: Box, stored: tuple[int, int], orientation: int) -> Box:
    """`box`, which begins at the stored picture's (0, 0), as the turn moves it."""
    width, height, across, down = box[2], box[3], stored[0] - box[2], stored[1] - box[3]
    if orientation in SIDEWAYS:
        width, height, across, down = height, width, down, across
    left = across if orientation in (2, 3, 6, 7) else 0
    top = down if orientation in (3, 4, 7, 8) else 0
    return left, top, left + width, top + height


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode to RGB: alpha and transparency on white, 16-bit and float scaled to 8 bits."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image).convert("RGB")
    if image.mode == "La":  # which converts to nothing else
        image = image.convert("LA")
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits to 8, the transparent value to white."""
    values = np.asarray(image).astype(np.float32)
    light = values / _find_white(image.mode, values)
    if getattr(image, "tag_v2", {}).get(PHOTOMETRIC_TAG) == 0:  # white is zero, which Pillow minds up to 8 bits only
        light = 1 - light
    if "transparency" in image.info:
        light[values == image.info["transparency"]] = 1
    return Image.fromarray(np.rint(255 * np.clip(np.nan_to_num(light), 0, 1)).astype(np.uint8))


def _find_white(mode: str, values: np.ndarray) -> float:
    """The value that stands for white: the least usual one that is not below the values. Files do not tell; what a
    camera of 12 bits sees is often stored in 16 as it is."""
    usual = {"F": (1, *DEPTHS), "I": DEPTHS}.get(mode, DEPTHS[1:])
    largest = values.max(initial=0, where=np.isfinite(values))
    return next((white for white in usual if largest <= white), largest)


def _describe_failure(image: Image.Image, data: bytes, error: Exception) -> str:
    """What is wrong with a file of a known format, in words for people who know neither Python nor Pillow."""
    # Pillow words these for readers; other errors are about its own insides.
    reason = f": {error}" if isinstance(error, OSError | ValueError) else ""
    return f"a {image.format} file of {len(data)} bytes that is broken, cut off or of a rare kind{reason}"


def _name_content(data: bytes) -> str:
    """What a file that is no accepted picture seems to be."""
    if not data:
        return "the file is empty"
    start = data[:64].lower()
    if start.startswith(ICON):  # which may hold a PNG file
        return "an icon file"
    name = next((name for mark, name in CONTENT.items() if mark in start), "")
    return name or f"{len(data)} bytes of an unknown kind, beginning with {data[:8].hex(' ')}"
