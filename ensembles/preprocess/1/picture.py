"""From the bytes of an image file to upright RGB pixels in the geometry a network was trained with.

The one place where pixels are made: the preprocess step, export's parity check and training all use it.
"""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile, ImageOps
from PIL.Image import open as open_image  # by this name: ultralytics replaces PIL.Image.open when it is imported

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
# What files that Pillow cannot open may be, by a mark near their beginning; the first that fits counts.
CONTENT = {
    b"\xff\xd8\xff": "a JPEG file that is broken or cut off",
    b"\x89png": "a PNG file that is broken or cut off",
    b"ftyphei": "a HEIC photo",
    b"ftypmif1": "a HEIC photo",
    b"ftypisom": "a video",
    b"ftypmp4": "a video",
    b"ftypqt": "a video",
    b"%pdf": "a PDF document",
    b"<svg": "an SVG drawing",
    b"<html": "a web page",
    b"<!doctype html": "a web page",
    b"pk\x03\x04": "an archive or an office document",
}
ORIENTATION_TAG = 0x0112
# A reduced decode keeps this many times the pixels that a geometry needs, as Pillow's own thumbnails do. With fewer,
# the decoder's coarse filter shows, and a network's answer depends on which others were asked along with it.
GAP = 2
LETTERBOX_GREY = (114, 114, 114)  # the padding that YOLO models are trained with

# Pillow's own bomb check warns at half its limit; the limit here is the caller's `max_pixels`.
Image.MAX_IMAGE_PIXELS = None
Image.init()  # registers every format; `Image.open(formats=…)` does not
ImageFile.LOAD_TRUNCATED_IMAGES = False


class BadImage(ValueError):
    """The bytes are no picture that can be used; the message is meant for the client."""


@dataclass(frozen=True)
class Geometry:
    """How a picture is fitted to a network: `mode` is stretch, letterbox or center_crop; sizes in pixels.

    `resize` is the length of the shorter side before a center_crop (torchvision's Resize before CenterCrop).
    `resample` is antialias, as Pillow and torchvision resize, or bilinear, as OpenCV and ultralytics do: each pixel
    from its four neighbours in the original alone.
    """

    mode: str
    width: int
    height: int
    resize: int | None = None
    resample: str = "antialias"

    @property
    def tensor(self) -> str:
        """Name of the preprocess step's output tensor with this geometry."""
        resized = f"_{self.resize}" if self.resize else ""
        resampled = "" if self.resample == "antialias" else f"_{self.resample}"
        return f"{self.mode}{resized}{resampled}_{self.width}X{self.height}".upper()

    def scaled_size(self, width: int, height: int) -> tuple[int, int]:
        """Size (width, height) to which an upright picture of the given size is resized before padding or cropping."""
        if self.mode == "stretch":
            return self.width, self.height
        if self.mode == "letterbox":
            ratio = min(self.width / width, self.height / height)
        else:
            ratio = (self.resize or max(self.width, self.height)) / min(width, height)
            ratio = max(ratio, self.width / width, self.height / height)
        return max(1, round(width * ratio)), max(1, round(height * ratio))

    def decoded_size(self, width: int, height: int) -> tuple[int, int]:
        """The least size in which an upright picture of the given size must be decoded."""
        return (width, height) if self.resample == "bilinear" else self.scaled_size(width, height)

    def offset(self, scaled: tuple[int, int]) -> tuple[int, int]:
        """Where (left, top) the resized picture lies in the tensor; negative where it is cropped."""
        # Rounds halves down, as ultralytics' LetterBox does, so that boxes agree to the pixel.
        return round((self.width - scaled[0]) / 2 - 0.1), round((self.height - scaled[1]) / 2 - 0.1)

    def transform(self, width: int, height: int) -> np.ndarray:
        """FP32 [6]: scale_x, scale_y, left, top, and the upright original's width and height.

        Tensor position = original position * scale + (left, top).
        """
        scaled = self.scaled_size(width, height)
        scale = scaled[0] / width, scaled[1] / height
        return np.array([*scale, *self.offset(scaled), width, height], dtype=np.float32)


@dataclass(frozen=True)
class Picture:
    """Upright RGB pixels, perhaps decoded at reduced scale, and the size (width, height) of the upright original."""

    pixels: Image.Image
    size: tuple[int, int]

    def fit(self, geometry: Geometry) -> np.ndarray:
        """UINT8 [H,W,3] RGB in the geometry."""
        scaled = geometry.scaled_size(*self.size)
        image = self.pixels
        if image.size != scaled:
            image = resize(image, scaled, geometry.resample)
        if scaled != (geometry.width, geometry.height):
            canvas = Image.new("RGB", (geometry.width, geometry.height), LETTERBOX_GREY)
            canvas.paste(image, geometry.offset(scaled))
            image = canvas
        return np.asarray(image)

    def shrink(self, longest: int) -> np.ndarray:
        """UINT8 [h,w,3] RGB, the longer side at most `longest` pixels."""
        ratio = longest / max(self.pixels.size)
        if ratio >= 1:
            return np.asarray(self.pixels)
        size = max(1, round(self.pixels.width * ratio)), max(1, round(self.pixels.height * ratio))
        return np.asarray(resize(self.pixels, size, "antialias"))


def resize(image: Image.Image, size: tuple[int, int], resample: str) -> Image.Image:
    """To `size` (width, height); bilinear is within 1 of 255 of OpenCV's INTER_LINEAR."""
    if resample == "antialias":
        return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=GAP)
    matrix = (image.width / size[0], 0, 0, 0, image.height / size[1], 0)
    return image.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def decode(data: bytes, geometries: list[Geometry], max_pixels: int, longest: int = 0) -> Picture:
    """Decode the first frame of an image file, upright and RGB.

    JPEG is decoded at the smallest DCT scale that still gives every geometry GAP times its pixels, and the picture's
    longer side `longest` pixels where the file has as many.

    Raises:
        BadImage: no image, an unsupported format, a broken file, or more than `max_pixels` pixels.
    """
    image = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on odd metadata are of no use to anybody here
            image = open_image(io.BytesIO(data), formats=FORMATS)
            return _decode(image, geometries, max_pixels, longest)
    except BadImage:
        raise
    except Exception as error:  # decoders raise nearly anything on broken files
        found = _name_content(data) if image is None else _describe_failure(image, data, error)
        raise BadImage(f"cannot decode image: {found}; accepted formats are {', '.join(FORMATS)}") from error


def _decode(image: Image.Image, geometries: list[Geometry], max_pixels: int, longest: int) -> Picture:
    if image.width * image.height > max_pixels:
        raise BadImage(f"image has {image.width * image.height} pixels, at most {max_pixels} are accepted")
    orientation = image.getexif().get(ORIENTATION_TAG, 1)
    size = image.size[::-1] if orientation in (5, 6, 7, 8) else image.size
    _reduce(image, size, orientation, geometries, longest)
    image.load()
    # A reduced decode would be transposed just the same; the original's size was taken before.
    upright = ImageOps.exif_transpose(image) if orientation != 1 else image
    return Picture(to_rgb(upright), size)


def _reduce(
    image: Image.Image, size: tuple[int, int], orientation: int, geometries: list[Geometry], longest: int
) -> None:
    """Ask the JPEG decoder for the smallest scale (1/2, 1/4, 1/8) that covers all geometries; others ignore it."""
    needs = [geometry.decoded_size(*size) for geometry in geometries] or [(1, 1)]
    # A picture this long, in its own proportions.
    needs.append((size[0] * longest // (GAP * max(size)), size[1] * longest // (GAP * max(size))))
    needed = GAP * max(width for width, _ in needs), GAP * max(height for _, height in needs)
    image.draft(None, needed[::-1] if orientation in (5, 6, 7, 8) else needed)


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode to RGB: alpha and transparency on white, 16-bit and float scaled to 8 bits."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits (integers up to 65535, or floats in [0,255]) to 8 bits."""
    values = np.asarray(image).astype(np.float32)
    if image.mode != "F" and (image.mode.startswith("I;16") or values.max(initial=0) > 255):
        values = values / 257.0
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


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
    name = next((name for mark, name in CONTENT.items() if mark in start), "")
    return name or f"{len(data)} bytes of an unknown kind, beginning with {data[:8].hex(' ')}"
