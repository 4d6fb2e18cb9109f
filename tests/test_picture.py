"""From files to RGB pixels, without a server."""

import re
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract.pixels import picture
from tests.conftest import ROOT
from tests.pictures import directory, encode, gradient, short

HEIC = Path(__file__).parent / "heic"
LIMIT = 50_000_000
STRETCH = picture.Geometry("stretch", 32, 32)


def decode(data, *geometries):
    return picture.decode(data, list(geometries), LIMIT)


GREY = np.asarray(gradient(mode="L"))
MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "I", "F", "LAB", "HSV"]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_rgb(mode):
    steps = {"La": ["LA", "La"], "PA": ["P", "PA"], "RGBa": ["RGBA", "RGBa"]}
    image = gradient()
    for step in steps.get(mode, [mode]):
        image = image.convert(step)
    rgb = picture.to_rgb(image)
    assert rgb.mode == "RGB"
    if mode not in ("1", "P", "PA"):
        assert np.abs(np.asarray(rgb.convert("L"), dtype=int) - GREY).mean() < 12


def raw_tiff(values: np.ndarray, bits: int, photometric: int) -> bytes:
    """GREY as an uncompressed TIFF of one sample a pixel, as scanners and microscopes write it."""
    strip = 8 + 2 + 12 * 9 + 4
    layout = {256: GREY.shape[1], 257: GREY.shape[0], 258: bits, 259: 1, 262: photometric, 273: strip, 277: 1}
    layout |= {278: GREY.shape[0], 279: values.nbytes}
    return directory(*(short(number, value) for number, value in layout.items()), behind=values.tobytes())


def pack_12_bits(values: np.ndarray) -> np.ndarray:
    """Two values in three bytes."""
    first, second = values[:, ::2].astype(np.uint16), values[:, 1::2].astype(np.uint16)
    return np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1).astype(np.uint8)


def png_16_bits(*channels: np.ndarray) -> bytes:
    """Grey (1), grey with alpha (2), RGB (3); Pillow writes only the first."""
    rows = np.dstack(channels).astype(">u2")
    kind = {1: 0, 2: 4, 3: 2}[len(channels)]
    header = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 16, kind, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))),
        (b"IEND", b""),
    ]
    packed = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


DEEP = GREY.astype(np.uint16) * 257
WITH_GAPS = np.where(GREY < 4, np.nan, GREY / 255).astype(np.float32)
DEEP_FILES = {
    "16-bit PNG": encode(Image.fromarray(DEEP)),
    "16-bit TIFF": encode(Image.fromarray(DEEP), "TIFF"),
    "16-bit TIFF, high byte first": encode(Image.fromarray(DEEP.astype(">u2")), "TIFF"),
    "16-bit TIFF, white is zero": raw_tiff(65535 - DEEP, 16, photometric=0),
    "12-bit TIFF": raw_tiff(pack_12_bits(GREY.astype(int) * 4095 // 255), 12, photometric=1),
    "12 bits in 16-bit TIFF": encode(Image.fromarray((GREY.astype(int) * 4095 // 255).astype(np.uint16)), "TIFF"),
    "32-bit TIFF": encode(Image.fromarray(DEEP.astype(np.int32)), "TIFF"),
    "32-bit TIFF of 8 bits": encode(Image.fromarray(GREY.astype(np.int32)), "TIFF"),
    "float TIFF up to 1": encode(Image.fromarray(GREY.astype(np.float32) / 255), "TIFF"),
    "float TIFF up to 255": encode(Image.fromarray(GREY.astype(np.float32)), "TIFF"),
    "float TIFF with no numbers": encode(Image.fromarray(WITH_GAPS), "TIFF"),
    "16-bit PGM": encode(Image.fromarray(DEEP), "PPM"),
    "16-bit JPEG 2000": encode(Image.fromarray(DEEP), "JPEG2000"),
    "16-bit RGB PNG": png_16_bits(DEEP, DEEP, DEEP),
    "16-bit PNG with alpha": png_16_bits(DEEP, np.full_like(DEEP, 65535)),
}


@pytest.mark.parametrize("kind", DEEP_FILES)
def test_deep_pictures_keep_their_tones(kind):
    pixels = np.asarray(picture.open_upright(DEEP_FILES[kind], LIMIT), dtype=int)
    assert np.abs(pixels - GREY[:, :, None]).max() <= (4 if "no numbers" in kind else 1)


def test_alpha_is_put_on_white():
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert np.all(decode(encode(clear)).fit(picture.Geometry("stretch", 8, 8)) == 255)


def test_the_transparent_value_of_a_deep_picture_is_white():
    image = picture.open_upright(encode(Image.fromarray(DEEP), transparency=int(DEEP[0, 0])), LIMIT)
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.getpixel((48, 0))[0] == GREY[0, 48]


def test_cmyk_of_adobe_is_turned_over():
    ink = encode(gradient().convert("CMYK"), "JPEG", quality=98)
    assert b"Adobe" in ink
    assert np.abs(np.asarray(picture.open_upright(ink, LIMIT), dtype=int) - np.asarray(gradient())).mean() < 4


@pytest.mark.parametrize(("name", "size", "corner"), [("clear", (64, 64), 255), ("second_is_primary", (80, 48), 0)])
def test_heic_alpha_and_primary_image(name, size, corner):
    image = picture.open_upright((HEIC / f"{name}.heic").read_bytes(), LIMIT)
    assert image.size == size
    assert abs(image.getpixel((0, 0))[0] - corner) < 12


def test_heic_of_ten_bits():
    image = picture.open_upright((HEIC / "ten_bits.heic").read_bytes(), LIMIT)
    assert np.abs(np.asarray(image, dtype=int) - np.asarray(gradient(80, 48))).mean() < 3


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
    assert np.abs(alone.astype(int) - beside_a_larger_one).mean() < 1


def test_a_jpeg_is_averaged_before_it_is_resized_as_far_as_its_decoder_would_have():
    """And a lossless file never: its pixels equal the training frameworks'."""
    photo, whole = Image.open(ROOT / "examples" / "sample.jpg"), picture.Geometry("stretch", 512, 512)
    jpeg, png = (decode(encode(photo, container), whole) for container in ("JPEG", "PNG"))
    exact = np.asarray(png.pixels.resize((96, 96), Image.Resampling.BILINEAR)).astype(int)
    small = picture.Geometry("stretch", 96, 96)
    assert np.array_equal(png.fit(small), exact)
    assert 0 < np.abs(jpeg.fit(small) - exact).mean() < 1.5


@pytest.mark.parametrize(("side", "kept"), [(639, 639), (1279, 1279), (1280, 640), (3000, 750)])
def test_photos_that_regions_are_cut_from_are_never_enlarged_nor_blurred(side, kept):
    found = decode(encode(gradient(side, 40), "PNG"), STRETCH).reduce(640)
    assert found.shape[1] == kept


def test_the_decode_keeps_the_longer_side_that_is_asked_for():
    data = encode(gradient(1600, 1200), "JPEG")
    assert picture.decode(data, [STRETCH], LIMIT, longest=700).pixels.size == (800, 600)
    assert picture.decode(data, [STRETCH], LIMIT, longest=5000).pixels.size == (1600, 1200)
    assert picture.decode(data, [STRETCH], LIMIT, longest=700).shrink(700).shape == (525, 700, 3)
    assert picture.open_upright(data, LIMIT, longest=100).size == (100, 75)
    assert picture.open_upright(data, LIMIT, longest=5000).size == (1600, 1200)


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
        (encode(gradient(), "WEBP")[:40], "a WebP file that is broken or cut off"),
        (encode(gradient(), "AVIF")[:60], "an AVIF file that is broken"),
        (encode(gradient(), "ICO"), "an icon file"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"II*\0\x08\0\0\0\0\0", "a TIFF file that is broken"),
        (encode(gradient(), "JPEG")[:600], "a JPEG file that is broken or cut off; accepted"),
        (encode(gradient(), "JPEG")[:-40], "a JPEG file of [0-9]+ bytes .* cut off .*truncated.*; accepted"),
        ((HEIC / "orientation_1.heic").read_bytes()[:700], "a HEIC file that is broken or cut off; accepted"),
        (encode(gradient(), "PNG")[:200], "a PNG file of 200 bytes .* broken"),
    ],
)
def test_bad_images_say_what_was_found(data, words):
    with pytest.raises(picture.BadImage, match=words):
        decode(data, STRETCH)


def test_too_many_pixels_are_refused_before_decoding():
    with pytest.raises(picture.BadImage, match="6144 pixels, at most 1000"):
        picture.decode(encode(gradient()), [STRETCH], 1000)


def test_a_heic_that_shows_a_part_of_a_huge_picture_is_refused_before_decoding():
    shown = (HEIC / "orientation_1.heic").read_bytes()
    coded = shown.index(b"ispe") + 8
    huge = shown[:coded] + struct.pack(">II", 30_000, 30_000) + shown[coded + 8 :]
    with pytest.raises(picture.BadImage, match="900000000 pixels, at most 50000000"):
        decode(huge)


def test_odd_files_end_in_pixels_or_in_bad_image(shared_data):
    paths = [path for path in sorted((shared_data / "odd_images").rglob("*")) if path.is_file()]
    messages = [outcome(path.read_bytes()) for path in paths]
    assert len(paths) > 500
    assert messages.count("pixels") > 200
    assert not [message for message in messages if re.search(r"0x|[a-z]Error|\bb'|Errno", message)]


def outcome(data: bytes) -> str:
    """`pixels`, or the message of the refusal; anything else is raised, and so is what takes seconds."""
    started = time.process_time()
    try:
        assert decode(data, STRETCH).fit(STRETCH).shape == (32, 32, 3)
    except picture.BadImage as error:
        return str(error)
    finally:
        assert time.process_time() - started < 5
    return "pixels"
