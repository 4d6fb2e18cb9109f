"""How an upright picture is fitted to a network: stretched, letterboxed or cropped, and by which resampling.

What each word equals, to the pixel where all pixels of a file count (of JPEGs perhaps averages, `picture.GAP`):

    stretch       Keras' `load_img(target_size=…)`
    center_crop   torchvision's `Resize(resize)` and `CenterCrop` on PIL images, timm's evaluation transforms
    letterbox     ultralytics' `LetterBox`

    antialias     what Keras, torchvision and timm call `bilinear`: Pillow's, every pixel of the original counts
    bicubic       the same with Pillow's cubic filter
    nearest       Pillow's; Keras' default
    bilinear      OpenCV's and ultralytics' `INTER_LINEAR` (within 1 of 255): each pixel from four of the original
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

FILTERS = {
    "antialias": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
}
PICKING = ("nearest", "bilinear")  # take single pixels of the original, and so need it decoded in full
MODES = ("stretch", "letterbox", "center_crop")
LETTERBOX_GREY = (114, 114, 114)  # the padding that YOLO models are trained with
MOST_SCALED = 2**26  # pixels; a strip of 65535 x 1 would be scaled to 15 million x 224 before its middle is cut out

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Geometry:
    """Sizes in pixels; `resize` is the length of the shorter side before a center_crop, by default the longer of
    `width` and `height`.

    Raises:
        ValueError: an unknown `mode` or `resample`.
    """

    mode: str
    width: int
    height: int
    resize: int | None = None
    resample: str = "antialias"

    def __post_init__(self) -> None:
        for word, known in ((self.mode, MODES), (self.resample, FILTERS)):
            if word not in known:
                raise ValueError(f"{word} is no geometry; accepted are {', '.join(known)}")

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
            return max(1, round(width * ratio)), max(1, round(height * ratio))
        return self._cover(width, height)

    def _cover(self, width: int, height: int) -> tuple[int, int]:
        """The longer side is cut off, not rounded: torchvision 0.28, `_compute_resized_output_size`."""
        shorter = self.resize or max(self.width, self.height)
        if width <= height:
            return shorter, int(shorter * height / width)
        return int(shorter * width / height), shorter

    def decoded_size(self, width: int, height: int) -> tuple[int, int]:
        """The least size in which an upright picture of the given size must be decoded."""
        return (width, height) if self.resample in PICKING else self.scaled_size(width, height)

    def offset(self, scaled: tuple[int, int]) -> tuple[int, int]:
        """Where (left, top) the resized picture lies in the tensor; negative where it is cropped."""
        if self.mode == "center_crop":  # torchvision's `center_crop` rounds halves to even numbers
            return -round((scaled[0] - self.width) / 2), -round((scaled[1] - self.height) / 2)
        # Rounds halves down, as ultralytics' LetterBox does, so that boxes agree to the pixel.
        return round((self.width - scaled[0]) / 2 - 0.1), round((self.height - scaled[1]) / 2 - 0.1)

    def transform(self, width: int, height: int) -> np.ndarray:
        """FP32 [6]: scale_x, scale_y, left, top, and the upright original's width and height.

        Tensor position = original position * scale + (left, top).
        """
        scaled = self.scaled_size(width, height)
        scale = scaled[0] / width, scaled[1] / height
        return np.array([*scale, *self.offset(scaled), width, height], dtype=np.float32)

    def fit(self, pixels: Image.Image, box: Box, size: tuple[int, int], gap: float | None = None) -> Image.Image:
        """The part `box` of the upright pixels, which shows an original of `size` (width, height), in the geometry;
        `gap` as `resize` has it."""
        scaled = self.scaled_size(*size)
        if self.mode == "center_crop" and scaled[0] * scaled[1] > MOST_SCALED:
            return resize(pixels, (self.width, self.height), self.resample, self._cropped(box, scaled), gap)
        image = resize(pixels, scaled, self.resample, box, gap)
        if scaled == (self.width, self.height):
            return image
        canvas = Image.new("RGB", (self.width, self.height), LETTERBOX_GREY)
        canvas.paste(image, self.offset(scaled))
        return canvas

    def _cropped(self, box: Box, scaled: tuple[int, int]) -> Box:
        """The part of `box` that is left after the crop: by rounding not the same pixels, but next to them."""
        across, down = (box[2] - box[0]) / scaled[0], (box[3] - box[1]) / scaled[1]
        left, top = self.offset(scaled)
        left, top = box[0] - left * across, box[1] - top * down
        return left, top, min(left + self.width * across, box[2]), min(top + self.height * down, box[3])


def resize(image: Image.Image, size: tuple[int, int], resample: str, box: Box, gap: float | None) -> Image.Image:
    """The part `box` of the image in `size` (width, height). With `gap` blocks of pixels are averaged first, as long as
    `gap` times that size is left, in a third to two thirds of the time."""
    if image.size == size and box == (0, 0, *size):
        return image
    if resample != "bilinear":
        return image.resize(size, FILTERS[resample], box, gap)
    left, top, right, bottom = box
    matrix = ((right - left) / size[0], 0, left, 0, (bottom - top) / size[1], top)
    return image.transform(size, Image.Transform.AFFINE, matrix, FILTERS[resample])
