"""Decoding and geometry, without a server."""

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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_first(orientation):
    upright = gradient(80, 48)
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transpose that makes the stored picture from the upright
    stored = upright.transpose(Image.Transpose(turns[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[picture.ORIENTATION_TAG] = orientation
    decoded = decode(encode(stored, exif=exif))
    assert decoded.size == (80, 48)
    assert np.array_equal(np.asarray(decoded.pixels), np.asarray(upright))


@pytest.mark.parametrize("name", range(9))
@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_real_exif_orientations_agree(shared_data, kind, name):
    pixels = [decode((shared_data / f"photos/exif/{kind}_{n}.jpg").read_bytes()).fit(STRETCH) for n in (1, name)]
    assert np.abs(pixels[0].astype(int) - pixels[1]).mean() < 6


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


@pytest.mark.parametrize(
    ("geometry", "size", "scaled", "offset"),
    [
        (picture.Geometry("stretch", 64, 32), (100, 50), (64, 32), (0, 0)),
        (picture.Geometry("letterbox", 64, 64), (100, 50), (64, 32), (0, 16)),
        (picture.Geometry("letterbox", 64, 64), (50, 100), (32, 64), (16, 0)),
        (picture.Geometry("letterbox", 640, 640), (810, 1080), (480, 640), (80, 0)),
        (picture.Geometry("center_crop", 64, 64), (200, 100), (128, 64), (-32, 0)),
        (picture.Geometry("center_crop", 224, 224, 256), (500, 1000), (256, 512), (-16, -144)),
    ],
)
def test_geometry(geometry, size, scaled, offset):
    assert geometry.scaled_size(*size) == scaled
    assert geometry.offset(scaled) == offset
    pixels = decode(encode(gradient(*size)), geometry).fit(geometry)
    assert pixels.shape == (geometry.height, geometry.width, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("size", [(1600, 1200), (40, 30)])
def test_bilinear_is_that_of_opencv(size):
    cv2 = pytest.importorskip("cv2")
    geometry = picture.Geometry("stretch", 320, 200, resample="bilinear")
    photo = Image.effect_noise(size, 80).convert("RGB")
    expected = cv2.resize(np.asarray(photo), (320, 200), interpolation=cv2.INTER_LINEAR)
    found = decode(encode(photo), geometry).fit(geometry)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert geometry.tensor == "STRETCH_BILINEAR_320X200"


def test_bilinear_sees_every_pixel_of_a_jpeg():
    geometry = picture.Geometry("stretch", 32, 32, resample="bilinear")
    assert decode(encode(gradient(1600, 1200), "JPEG"), geometry, STRETCH).pixels.size == (1600, 1200)


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
        (b"\0\0\0\x24ftypheic\0\0\0\0", "a HEIC photo; accepted formats are JPEG, PNG"),
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
