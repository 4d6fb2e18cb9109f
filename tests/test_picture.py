"""From files to RGB pixels, without a server."""

import re

import numpy as np
import pytest
from PIL import Image

from contract.pixels import picture
from tests.conftest import ROOT
from tests.pictures import encode, gradient

LIMIT = 50_000_000
STRETCH = picture.Geometry("stretch", 32, 32)


def decode(data, *geometries):
    return picture.decode(data, list(geometries), LIMIT)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F", "LAB", "HSV"])
def test_every_mode_becomes_rgb(mode):
    grey = gradient(mode="L")
    deep = np.asarray(grey).astype(np.uint16) * 257
    made = {"I;16": lambda: Image.fromarray(deep), "I": lambda: Image.fromarray(deep.astype(np.int32))}
    image = made.get(mode, lambda: gradient().convert(mode))()
    rgb = picture.to_rgb(image)
    assert rgb.mode == "RGB"
    light = np.asarray(rgb.convert("L"), dtype=int)
    if mode not in ("1", "P"):
        assert np.abs(light - np.asarray(grey)).mean() < 12


def test_alpha_is_put_on_white():
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert np.all(decode(encode(clear)).fit(picture.Geometry("stretch", 8, 8)) == 255)


def test_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert tuple(decode(data).fit(STRETCH)[0, 0]) == (255, 0, 0)


def test_reduced_decoding_keeps_the_originals_size_and_looks():
    photo = gradient(1600, 1200)
    reduced, full = decode(encode(photo, "JPEG"), STRETCH), decode(encode(photo, "PNG"), STRETCH)
    assert reduced.pixels.size == (200, 150)
    assert reduced.size == full.size == (1600, 1200)
    assert np.abs(reduced.fit(STRETCH).astype(int) - full.fit(STRETCH)).max() < 8


def test_pixels_hardly_depend_on_what_else_is_asked_for():
    data, small = (ROOT / "examples" / "sample.jpg").read_bytes(), picture.Geometry("stretch", 128, 128)
    alone = decode(data, small).fit(small)
    beside_a_larger_one = decode(data, small, picture.Geometry("letterbox", 640, 640)).fit(small)
    assert np.abs(alone.astype(int) - beside_a_larger_one).mean() < 0.5


def test_tiny_pictures_survive_every_geometry():
    for geometry in (STRETCH, picture.Geometry("letterbox", 32, 32), picture.Geometry("center_crop", 32, 32)):
        assert decode(encode(Image.new("RGB", (1, 1)))).fit(geometry).shape == (32, 32, 3)
        assert decode(encode(Image.new("RGB", (900, 1)))).fit(geometry).shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (
            b"hello, this is a text",
            "\\d+ bytes of an unknown kind, beginning with 68 65 6c 6c 6f 2c 20 74; accepted formats are",
        ),
        (b"\0\0\0\x24ftypheic\0\0\0\0", "a HEIC file that is broken or cut off; accepted formats are JPEG, PNG"),
        (b"%PDF-1.7", "a PDF document"),
        (encode(gradient(), "JPEG")[:600], "a JPEG file that is broken or cut off; accepted"),
        (encode(gradient(), "JPEG")[:-40], "a JPEG file of [0-9]+ bytes .* cut off .*truncated.*; accepted"),
        (encode(gradient(), "PNG")[:200], "a PNG file of 200 bytes .* broken"),
    ],
)
def test_bad_images_say_what_was_found(data, words):
    with pytest.raises(picture.BadImage, match=words):
        decode(data, STRETCH)


def test_too_many_pixels_are_refused_before_decoding():
    with pytest.raises(picture.BadImage, match="6144 pixels, at most 1000"):
        picture.decode(encode(gradient()), [STRETCH], 1000)


def test_odd_files_end_in_pixels_or_in_bad_image(shared_data):
    paths = [path for path in sorted((shared_data / "odd_images").rglob("*")) if path.is_file()]
    messages = [outcome(path.read_bytes()) for path in paths]
    assert len(paths) > 500
    assert messages.count("pixels") > 200
    assert not [message for message in messages if re.search(r"0x|[a-z]Error|\bb'|Errno", message)]


def outcome(data: bytes) -> str:
    """`pixels`, or the message of the refusal; anything else is raised."""
    try:
        assert decode(data, STRETCH).fit(STRETCH).shape == (32, 32, 3)
    except picture.BadImage as error:
        return str(error)
    return "pixels"
