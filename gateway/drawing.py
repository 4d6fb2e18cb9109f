"""The picture with what was found drawn on it: one row of `DRAWERS` per task."""

import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any
from zlib import crc32

from PIL import Image, ImageColor, ImageDraw, ImageFont

from contract.card import Card
from contract.failure import UnknownTask
from contract.pixels import MAX_PIXELS, picture
from contract.tasks import Task
from gateway.answers import find_task

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG"}
LIGHT, DARK = "white", "black"


def annotate(data: bytes, photo: dict, cards: Sequence[Card], mimetype: str) -> bytes:
    """`data` upright, with what the answer `photo` says about it, as a file of the type `mimetype`.

    Raises:
        UnknownTask: names a model whose task has no row in `DRAWERS`.
    """
    image = picture.decode(data, [], MAX_PIXELS, sys.maxsize).pixels
    pen = Pen(image)
    lines = [line for card in cards for line in draw_model(pen, card, photo)]
    pen.draw_lines(lines)
    output = BytesIO()
    image.save(output, FORMATS[mimetype], quality=90)
    return output.getvalue()


def draw_model(pen: "Pen", card: Card, photo: dict) -> list[str]:
    """Draw what a model says where it is, and return the lines for the bottom. What it says about boxes stands there
    already."""
    if card.task not in DRAWERS:
        raise UnknownTask(card.name, card.task.value)
    section = find_task(card).section
    described = (photo[section] if section else photo)[card.name]
    return [] if card.region else DRAWERS[card.task](pen, described)


def draw_objects(pen: "Pen", objects: list[dict]) -> list[str]:
    """The best on top."""
    for found in reversed(objects):
        pen.draw_box(found)
    return []


def write_attribute(_: "Pen", attribute: dict) -> list[str]:
    return [name_attribute(attribute)]


def write_caption(_: "Pen", caption: dict) -> list[str]:
    return [caption["text"]] if caption["text"] else []


def draw_nothing(_: "Pen", __: Any) -> list[str]:
    """An embedding has nothing for the eye."""
    return []


def name_attribute(attribute: dict) -> str:
    return f"{attribute['label']} {attribute['probability']:.2f}"


def name_object(found: dict) -> str:
    """Label and score, and the attributes of its box."""
    attributes = [name_attribute(each) for each in found.get("attributes", {}).values() if each]
    return ", ".join([f"{found['label']} {found['score']:.2f}", *attributes])


DRAWERS: dict[Task, Callable[["Pen", Any], list[str]]] = {
    Task.CLASSIFICATION: write_attribute,
    Task.CAPTION: write_caption,
    Task.DETECTION: draw_objects,
    Task.EMBEDDING: draw_nothing,
}


class Pen:
    """Draws on a picture in a size that fits it."""

    def __init__(self, image: Image.Image) -> None:
        side = min(image.size)
        self._image, self._draw = image, ImageDraw.Draw(image)
        self._font = ImageFont.load_default(max(11, side // 32))
        self._width = max(1, side // 200)

    def draw_box(self, found: dict) -> None:
        """An object's box and, above it or inside, what it is."""
        box, colour = found["box"], choose_colour(found["label"])
        left, top = box["x"], box["y"]
        self._draw.rectangle((left, top, left + box["width"], top + box["height"]), outline=colour, width=self._width)
        self._write(name_object(found), left, top, colour)

    def draw_lines(self, lines: list[str]) -> None:
        """Text at the bottom, the last line lowest."""
        bottom = float(self._image.height)
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
