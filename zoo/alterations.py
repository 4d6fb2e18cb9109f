"""What happens to a photo on its way through the web: it stays the same photo."""

import io
from collections.abc import Callable

from PIL import Image

CROPPED = 0.1  # of width and height, half of it at each edge


def resize(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.LANCZOS)


def crop(image: Image.Image) -> Image.Image:
    across, down = round(image.width * CROPPED / 2), round(image.height * CROPPED / 2)
    return image.crop((across, down, image.width - across, image.height - down))


def alter(change: Callable[[Image.Image], Image.Image], quality: int) -> Callable[[bytes], bytes]:
    """Of an encoded photo the changed one, as JPEG."""

    def altered(photo: bytes) -> bytes:
        output = io.BytesIO()
        change(Image.open(io.BytesIO(photo)).convert("RGB")).save(output, "JPEG", quality=quality)
        return output.getvalue()

    return altered


ALTERATIONS: dict[str, Callable[[bytes], bytes]] = {
    "resized": alter(resize, 95),
    "recompressed": alter(lambda image: image, 40),
    "cropped by 10 %": alter(crop, 95),
}
