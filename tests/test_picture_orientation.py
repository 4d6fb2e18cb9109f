"""Upright pixels and their size, whatever container says how the photo was held, and whatever else stands beside it."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from contract.pixels import picture
from tests.pictures import directory, encode, exif, gradient, short, store, tag

HEIC = Path(__file__).parent / "heic"
ORIENTATION, XMP_TAG = 0x0112, 700
UPRIGHT = gradient(80, 48)
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {}/></x:xmpmeta>'


def by_exif(stored, orientation, container, **options):
    return encode(stored, container, exif=exif(short(ORIENTATION, orientation)), **options)


def by_xmp(stored, orientation, container, **options):
    return encode(stored, container, xmp=XMP.format(f'tiff:Orientation="{orientation}"').encode(), **options)


def by_png_xmp(stored, orientation):
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.format(f'tiff:Orientation="{orientation}"'))
    return encode(stored, pnginfo=info)


def by_old_png_text(stored, orientation):
    """As ImageMagick wrote EXIF into PNG files before there was a chunk for it."""
    info, block = PngInfo(), exif(short(ORIENTATION, orientation))
    info.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    return encode(stored, pnginfo=info)


def by_tiff(stored, number, value):
    tags = ImageFileDirectory_v2()
    tags[number] = value
    return encode(stored, "TIFF", tiffinfo=tags)


SMOOTH = {"quality": 95}
CONTAINERS = {
    "JPEG": lambda stored, n: by_exif(stored, n, "JPEG", **SMOOTH),
    "JPEG with XMP": lambda stored, n: by_xmp(stored, n, "JPEG", **SMOOTH),
    "MPO": lambda stored, n: by_exif(stored, n, "MPO", save_all=True, append_images=[stored.resize((8, 8))], **SMOOTH),
    "PNG": lambda stored, n: by_exif(stored, n, "PNG"),
    "PNG with XMP": by_png_xmp,
    "PNG with text": by_old_png_text,
    "WebP": lambda stored, n: by_exif(stored, n, "WEBP", lossless=True),
    "WebP with XMP": lambda stored, n: by_xmp(stored, n, "WEBP", lossless=True),
    "TIFF": lambda stored, n: by_tiff(stored, ORIENTATION, n),
    "TIFF with XMP": lambda stored, n: by_tiff(stored, XMP_TAG, XMP.format(f'tiff:Orientation="{n}"').encode()),
    "AVIF": lambda stored, n: by_exif(stored, n, "AVIF", **SMOOTH),
    "AVIF with XMP": lambda stored, n: by_xmp(stored, n, "AVIF", **SMOOTH),
    "HEIC": lambda stored, n: (HEIC / f"orientation_{n}.heic").read_bytes(),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_ends_upright(container, orientation):
    data = CONTAINERS[container](store(UPRIGHT, orientation), orientation)
    whole = picture.decode(data, [], 10_000, longest=80)
    small = picture.open_upright(data, 10_000, longest=40)
    assert whole.size == whole.pixels.size == (80, 48)
    assert small.size == (40, 24)
    assert difference(whole.pixels, UPRIGHT) < 2
    assert difference(small, gradient(40, 24)) < 4


def test_the_real_server_gives_the_upright_size_and_the_same_answer(analyze, sample_photo):
    """All containers in batches of eight, each photo turned another way."""
    upright = picture.open_upright(sample_photo, 10**8).crop((0, 0, 512, 400))
    turned = [
        CONTAINERS[container](store(upright, 2 + number % 7), 2 + number % 7)
        for number, container in enumerate(CONTAINERS)
        if container != "HEIC"
    ]
    straight = analyze(encode(upright), outputs=["smiling"])["smiling"]
    for batch in (turned[:8], turned[8:]):
        tensors = analyze(*batch, outputs=["IMAGE_SIZE", "smiling"])
        assert tensors["IMAGE_SIZE"].tolist() == [[512, 400]] * len(batch)
        assert np.abs(tensors["smiling"] - straight).max() < 0.02
    heic = analyze((HEIC / "orientation_6.heic").read_bytes(), outputs=["IMAGE_SIZE"])
    assert heic["IMAGE_SIZE"].tolist() == [[80, 48]]


@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
@pytest.mark.parametrize("name", range(9))
def test_real_photos_in_all_orientations_agree(shared_data, kind, name):
    first, other = ((shared_data / f"photos/exif/{kind}_{number}.jpg").read_bytes() for number in (1, name))
    pictures = [picture.open_upright(data, 10**8, longest=64) for data in (first, other)]
    assert difference(*pictures) < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_reduced_decode_lies_where_the_whole_one_does(orientation):
    """1001 pixels at an eighth are 125.125: the rest of the last pixel must not shift the picture, wherever it comes
    to lie after the turn."""
    blots = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    photo = Image.fromarray(blots).resize((1001, 753), Image.Resampling.BICUBIC)
    data = by_exif(store(photo, orientation), orientation, "JPEG", quality=95, subsampling=0)
    geometry = picture.Geometry("stretch", 56, 42)
    reduced = picture.decode(data, [geometry], 10**6)
    assert reduced.size == (1001, 753)
    assert max(reduced.pixels.size) == 126
    assert difference(reduced.fit(geometry), photo.resize((56, 42), Image.Resampling.BILINEAR)) < 1


TURNED = short(ORIENTATION, 6)
POINTED = 8 + 2 + 2 * 12 + 4  # where the directory's two entries end
ODD_TAGS = {
    "float for a short": (tag(0x100, 11, struct.pack("<f", 1.5)), TURNED),
    "negative for an unsigned": (tag(0x100, 9, struct.pack("<i", -5)), TURNED),
    "bytes for a short": (tag(0x103, 7, b"\1\2\3\4", 4), TURNED),
    "short for text": (short(0x10F, 65), TURNED),
    "unknown type": (tag(0x10F, 77, b"abc", 3), TURNED),
    "rational beyond the end": (TURNED, tag(0x11A, 5, struct.pack("<I", 5000), 2)),
    "rational by zero": (TURNED, tag(0x11A, 5, struct.pack("<I", POINTED))),
    "EXIF directory loops": (TURNED, tag(0x8769, 4, struct.pack("<I", 8))),
    "EXIF directory before the start": (TURNED, tag(0x8769, 9, struct.pack("<i", -5))),
    "EXIF directory is text": (TURNED, tag(0x8769, 2, b"abc\0", 4)),
    "GPS directory beyond the end": (TURNED, tag(0x8825, 4, struct.pack("<I", 99999))),
    "orientation as a long": (tag(ORIENTATION, 4, struct.pack("<I", 6)),),
}
NO_ORIENTATION = {
    "empty": b"Exif\0\0",
    "garbage": b"Exif\0\0" + b"\x12\x34garbage!" * 4,
    "cut": b"Exif\0\0II*\0",
    "directory beyond the end": b"Exif\0\0II*\0" + struct.pack("<I", 5000),
    "orientation as text": exif(tag(ORIENTATION, 2, b"6\0", 2)),
    "orientation 9": exif(short(ORIENTATION, 9)),
    "orientation 0": exif(short(ORIENTATION, 0)),
    "orientation of no value": exif(tag(ORIENTATION, 3, b"", 0)),
}


def avif_with(block: bytes, orientation: int) -> bytes:
    """An AVIF file that is turned by `irot` and `imir`, with any EXIF: written with another and put in its place."""
    placeholder = exif(short(ORIENTATION, orientation), tag(0x10E, 2, struct.pack("<I", POINTED), 300)) + b"x" * 300
    data = encode(store(UPRIGHT, orientation), "AVIF", exif=placeholder, quality=95)
    start = data.index(b"II*\0")
    end = data.rindex(b"x" * 200) + 200
    return data[:start] + block.removeprefix(b"Exif\0\0").ljust(end - start, b"\0") + data[end:]


def tiff_with(*entries: tuple[int, bytes]) -> bytes:
    """An uncompressed grey TIFF with any further tags in its one directory."""
    grey = store(UPRIGHT, 6).convert("L")
    strip = 8 + 2 + 12 * (9 + len(entries)) + 4
    layout = {256: grey.width, 257: grey.height, 258: 8, 259: 1, 262: 1, 273: strip, 277: 1, 278: grey.height}
    layout[279] = grey.width * grey.height
    needed = [short(number, value) for number, value in layout.items()]
    return directory(*sorted([*needed, *entries]), behind=grey.tobytes())


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("odd", ODD_TAGS)
def test_an_odd_tag_does_not_cost_the_photo(container, odd):
    data = encode(store(UPRIGHT, 6), container, exif=exif(*ODD_TAGS[odd]))
    assert difference(picture.open_upright(data, 10_000), UPRIGHT) < 4


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("odd", [*ODD_TAGS, *NO_ORIENTATION, "header twice"])
def test_an_odd_tag_does_not_cost_an_avif(odd, orientation):
    block = NO_ORIENTATION.get(odd) or exif(*ODD_TAGS.get(odd, [TURNED]))
    data = avif_with(b"Exif\0\0" + block if odd == "header twice" else block, orientation)
    assert difference(picture.open_upright(data, 10_000), UPRIGHT) < 4


@pytest.mark.parametrize("odd", [name for name in ODD_TAGS if "for a" not in name])
def test_an_odd_tag_does_not_cost_a_tiff(odd):
    found = picture.decode(tiff_with(*ODD_TAGS[odd]), [], 10_000)
    assert found.size == (80, 48)
    assert difference(found.pixels, UPRIGHT.convert("L").convert("RGB")) < 4


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("odd", NO_ORIENTATION)
def test_without_an_orientation_a_photo_is_as_stored(container, odd):
    data = encode(UPRIGHT, container, exif=NO_ORIENTATION[odd])
    assert difference(picture.open_upright(data, 10_000), UPRIGHT) < 4


def test_exif_twice_headed_counts():
    data = encode(store(UPRIGHT, 6), "JPEG", exif=b"Exif\0\0" + exif(TURNED))
    assert difference(picture.open_upright(data, 10_000), UPRIGHT) < 4


@pytest.mark.parametrize("words", ["tiff:Orientation='6'", '><tiff:Orientation> 6</tiff:Orientation><a b=""'])
def test_xmp_counts_beside_exif_that_says_nothing(words):
    xmp = XMP.format(words).encode()
    data = encode(store(UPRIGHT, 6), "JPEG", exif=NO_ORIENTATION["garbage"], xmp=xmp)
    assert difference(picture.open_upright(data, 10_000), UPRIGHT) < 4


def test_exif_counts_before_xmp():
    data = encode(store(UPRIGHT, 6), "WEBP", exif=exif(TURNED), xmp=XMP.format('tiff:Orientation="3"').encode())
    assert picture.open_upright(data, 10_000).size == (80, 48)


def difference(one, other) -> float:
    """Mean over all pixels; pictures of another size differ by all there is."""
    first, second = np.asarray(one, dtype=int), np.asarray(other, dtype=int)
    return float(np.abs(first - second).mean()) if first.shape == second.shape else 255.0
