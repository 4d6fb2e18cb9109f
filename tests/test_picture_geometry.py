"""Geometry and resampling against the libraries that the networks were trained with."""

import os
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec

import numpy as np
import pytest
from PIL import Image

from contract.pixels import Geometry, picture
from tests.pictures import encode, gradient

os.environ.setdefault("KERAS_BACKEND", "torch")

SIZES = [(97, 64), (64, 97), (101, 101), (1, 1), (31, 200), (200, 31), (333, 500), (500, 333), (224, 224), (225, 224)]
TORCHVISION = {"antialias": "bilinear", "bicubic": "bicubic", "nearest": "nearest"}  # our word, theirs
KERAS = TORCHVISION


@pytest.fixture(scope="module")
def transforms():
    """torchvision.transforms, without the package's `__init__`: that loads a library of compiled operators, which fits
    no torch but one, and which pictures do not need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torchvision", module_from_spec(find_spec("torchvision")))
        before = set(sys.modules)
        yield import_module("torchvision.transforms")
        for name in {name for name in sys.modules if name.startswith("torchvision.")} - before:
            del sys.modules[name]


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def fit(photo: Image.Image, geometry: Geometry, container: str = "PNG", **options) -> np.ndarray:
    return picture.decode(encode(photo, container, **options), [geometry], 10**8).fit(geometry)


@pytest.mark.parametrize("resample", TORCHVISION)
@pytest.mark.parametrize(("width", "height", "resize"), [(64, 64, 64), (64, 64, 73), (65, 40, 70), (33, 64, 64)])
@pytest.mark.parametrize("size", SIZES)
def test_center_crop_is_that_of_torchvision(transforms, size, width, height, resize, resample):
    geometry = Geometry("center_crop", width, height, resize, resample)
    mode = transforms.InterpolationMode(TORCHVISION[resample])
    theirs = transforms.Compose([transforms.Resize(resize, mode), transforms.CenterCrop((height, width))])
    assert np.array_equal(fit(noise(*size), geometry), np.asarray(theirs(noise(*size))))


def test_center_crop_has_the_size_of_torchvision_for_every_size(transforms):
    geometry = Geometry("center_crop", 24, 17, 29)
    for width, height in np.ndindex(120, 120):
        scaled = geometry.scaled_size(width + 1, height + 1)
        assert [*scaled[::-1]] == transforms.functional._compute_resized_output_size((height + 1, width + 1), [29])


@pytest.mark.parametrize("resample", KERAS)
@pytest.mark.parametrize("size", SIZES)
def test_stretch_is_that_of_keras(tmp_path, size, resample):
    keras = pytest.importorskip("keras")
    noise(*size).save(tmp_path / "photo.png")
    theirs = keras.utils.load_img(tmp_path / "photo.png", target_size=(48, 75), interpolation=KERAS[resample])
    ours = fit(noise(*size), Geometry("stretch", 75, 48, resample=resample))
    assert np.array_equal(ours, keras.utils.img_to_array(theirs))


@pytest.mark.parametrize("resample", TORCHVISION)
@pytest.mark.parametrize("size", [(1601, 1203), (1203, 1601), (2000, 1500)])
def test_a_jpeg_is_as_one_decoded_in_full(transforms, size, resample):
    """Nearest to the pixel; the others, whose decode is reduced, within 1 of 255 on average."""
    photo, mode = noise(size[0] // 8, size[1] // 8).resize(size), transforms.InterpolationMode(TORCHVISION[resample])
    data = encode(photo, "JPEG", quality=92)
    geometry = Geometry("center_crop", 112, 112, 128, resample)
    decoded = picture.decode(data, [geometry], 10**8)
    theirs = transforms.Compose([transforms.Resize(128, mode), transforms.CenterCrop(112)])
    apart = np.abs(decoded.fit(geometry).astype(int) - np.asarray(theirs(picture.open_upright(data, 10**8))))
    if resample == "nearest":
        assert decoded.pixels.size == size
        assert apart.max() == 0
    else:
        assert decoded.pixels.size < size
        assert apart.mean() < 1


@pytest.mark.parametrize("size", [(1600, 1200), (40, 30), (641, 479)])
def test_bilinear_is_that_of_opencv(size):
    cv2 = pytest.importorskip("cv2")
    geometry = Geometry("stretch", 320, 200, resample="bilinear")
    expected = cv2.resize(np.asarray(noise(*size)), (320, 200), interpolation=cv2.INTER_LINEAR)
    assert np.abs(fit(noise(*size), geometry).astype(int) - expected).max() <= 1
    assert geometry.tensor == "STRETCH_BILINEAR_320X200"


@pytest.mark.parametrize("resample", ["nearest", "bilinear"])
def test_what_picks_pixels_sees_every_pixel_of_a_jpeg(resample):
    geometry = Geometry("stretch", 32, 32, resample=resample)
    data = encode(gradient(1600, 1200), "JPEG")
    assert picture.decode(data, [geometry, Geometry("stretch", 32, 32)], 10**8).pixels.size == (1600, 1200)


@pytest.mark.parametrize(
    ("geometry", "size", "scaled", "offset"),
    [
        (Geometry("stretch", 64, 32), (100, 50), (64, 32), (0, 0)),
        (Geometry("letterbox", 64, 64), (100, 50), (64, 32), (0, 16)),
        (Geometry("letterbox", 64, 64), (50, 100), (32, 64), (16, 0)),
        (Geometry("letterbox", 640, 640), (810, 1080), (480, 640), (80, 0)),
        (Geometry("center_crop", 64, 64), (200, 100), (128, 64), (-32, 0)),
        (Geometry("center_crop", 224, 224, 256), (500, 1000), (256, 512), (-16, -144)),
    ],
)
def test_geometry(geometry, size, scaled, offset):
    assert geometry.scaled_size(*size) == scaled
    assert geometry.offset(scaled) == offset
    pixels = fit(gradient(*size), geometry)
    assert pixels.shape == (geometry.height, geometry.width, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("mode", ["stretch", "letterbox", "center_crop"])
def test_tiny_pictures_survive_every_geometry(mode):
    for size in ((1, 1), (900, 1), (1, 900)):
        assert fit(Image.new("RGB", size), Geometry(mode, 32, 32)).shape == (32, 32, 3)


@pytest.mark.parametrize("resample", ["antialias", "bicubic", "nearest", "bilinear"])
@pytest.mark.parametrize("turned", [False, True])
def test_the_middle_of_a_strip_is_cut_out_before_it_is_scaled(resample, turned):
    strip = gradient(65_000, 2).transpose(Image.Transpose.TRANSPOSE) if turned else gradient(65_000, 2)
    middle = fit(strip, Geometry("center_crop", 224, 224, resample=resample))
    assert middle.shape == (224, 224, 3)
    assert abs(middle[:, :, 0].mean() - 127.5) < 1


def test_transform_tells_where_a_corner_of_the_original_lies():
    scale_x, scale_y, left, top, width, height = Geometry("letterbox", 64, 64).transform(100, 50)
    assert (width * scale_x + left, height * scale_y + top) == pytest.approx((64, 48))


@pytest.mark.parametrize(("mode", "resample"), [("squeeze", "antialias"), ("stretch", "lanczos")])
def test_unknown_words_are_refused_with_the_known_ones(mode, resample):
    with pytest.raises(ValueError, match=r"(squeeze|lanczos) is no geometry; accepted are (stretch|antialias), "):
        Geometry(mode, 32, 32, resample=resample)
