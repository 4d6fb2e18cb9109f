"""The picture with what was found drawn on it."""

from io import BytesIO
from zlib import crc32

from PIL import Image, ImageColor, ImageDraw, ImageFont, ImageOps

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG"}
LIGHT, DARK = "white", "black"


def annotate(data: bytes, answer: dict, mimetype: str) -> bytes:
    """`data` upright, with the boxes, labels and caption of `answer`, as a file of the type `mimetype`."""
    picture = open_upright(data)
    pen = Pen(picture)
    for found in reversed(answer.get("objects", [])):
        pen.draw_box(found)
    pen.draw_lines(list_lines(answer))
    output = BytesIO()
    picture.save(output, FORMATS[mimetype], quality=90)
    return output.getvalue()


def open_upright(data: bytes) -> Image.Image:
    """RGB and upright; transparency on white."""
    picture = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    if picture.has_transparency_data:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, LIGHT), picture.convert("RGBA"))
    return picture.convert("RGB")


def list_lines(answer: dict) -> list[str]:
    """The caption, then the attributes."""
    attributes = answer.get("attributes", {}).values()
    words = ", ".join(f"{each['label']} {each['probability']:.2f}" for each in attributes)
    caption = answer.get("caption", {}).get("text", "")
    return [line for line in (caption, words) if line]


class Pen:
    """Draws on a picture in a size that fits it."""

    def __init__(self, picture: Image.Image) -> None:
        side = min(picture.size)
        self._picture, self._draw = picture, ImageDraw.Draw(picture)
        self._font = ImageFont.load_default(max(11, side // 32))
        self._width = max(1, side // 200)

    def draw_box(self, found: dict) -> None:
        """An object's box and, above it or inside, its label and score."""
        box, colour = found["box"], choose_colour(found["label"])
        left, top = box["x"], box["y"]
        self._draw.rectangle((left, top, left + box["width"], top + box["height"]), outline=colour, width=self._width)
        self._write(f"{found['label']} {found['score']:.2f}", left, top, colour)

    def draw_lines(self, lines: list[str]) -> None:
        """Text at the bottom, the last line lowest."""
        bottom = float(self._picture.height)
        for line in reversed(lines):
            bottom -= self._write(line, 0, bottom, DARK)

    def _write(self, text: str, left: float, bottom: float, colour: str) -> float:
        """Text on a patch of `colour`, above `bottom` where there is room; gives the patch's height."""
        _, _, width, height = self._draw.textbbox((0, 0), text, font=self._font)
        pad = self._width + 1
        top = max(0.0, bottom - height - 2 * pad)
        self._draw.rectangle((left, top, left + width + 2 * pad, top + height + 2 * pad), fill=colour)
        self._draw.text((left + pad, top + pad), text, fill=LIGHT, font=self._font)
        return height + 2 * pad


def choose_colour(label: str) -> str:
    """The same colour for the same label, dark enough for white text."""
    red, green, blue = ImageColor.getrgb(f"hsl({crc32(label.encode()) % 360}, 75%, 38%)")[:3]
    return f"#{red:02x}{green:02x}{blue:02x}"
