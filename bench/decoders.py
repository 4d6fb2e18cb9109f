"""Libraries that turn image files into pixels, and pixels into smaller ones; runs where `bench.sections.decoders`
installs them, and prints its tables as JSON.

Processor time of one thread, files in memory.
"""

import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ["VIPS_CONCURRENCY"] = "1"

import cv2
import imagecodecs
import numpy as np
import pyvips
import simplejpeg
from PIL import Image

REPEATS = 15
SCALES = (8, 4, 2, 1)  # eighths
SIZES = ((256, 144), (224, 224), (416, 234))
REDUCED = {8: cv2.IMREAD_COLOR, 4: cv2.IMREAD_REDUCED_COLOR_2, 2: cv2.IMREAD_REDUCED_COLOR_4}
REDUCED[1] = cv2.IMREAD_REDUCED_COLOR_8
GAPS = (2.0, 1.5)

Work = Callable[[], object]


def main(photo: Path) -> None:
    cv2.setNumThreads(1)
    picture = Image.open(photo).convert("RGB")
    json.dump(
        [time_scales(photo.read_bytes(), picture.size), time_containers(picture), time_resizes(picture)], sys.stdout
    )


def time_scales(data: bytes, size: tuple[int, int]) -> list[list[object]]:
    """Milliseconds to decode a JPEG to RGB bytes at each of SCALES, by library; simplejpeg also at the scales between,
    which its rows name."""
    rows: list[list[object]] = [
        [name, *(measure(make(data, size, eighths)) for eighths in SCALES)] for name, make in JPEG.items()
    ]
    between = [measure(by_simplejpeg(data, size, eighths)) for eighths in (7, 5, 3)]
    return [*rows, ["simplejpeg at 7/8, 5/8 and 3/8", *between, "–"]]


def time_containers(picture: Image.Image) -> list[list[object]]:
    """Milliseconds to decode a photo in full, by container and library; – where a library does not take it."""
    files = {
        "JPEG": encode(picture, "JPEG", quality=92),
        "progressive": encode(picture, "JPEG", quality=92, progressive=True),
        "CMYK": encode(picture.convert("CMYK"), "JPEG", quality=92),
        "PNG": encode(picture, "PNG"),
        "WebP": encode(picture, "WEBP"),
    }
    return [[name, *(try_to_measure(decode, data) for data in files.values())] for name, decode in ANY.items()]


def time_resizes(picture: Image.Image) -> list[list[object]]:
    """Milliseconds and mean difference (of 255) from Pillow's filter over all pixels, by size and library."""
    rows = []
    for size in SIZES:
        exact = np.asarray(picture.resize(size, Image.Resampling.BILINEAR)).astype(int)
        for name, make in RESIZES.items():
            work = make(picture, size)
            difference = float(np.abs(np.asarray(work()).astype(int) - exact).mean())
            rows.append([f"{size[0]}×{size[1]}", name, measure(work), difference])
    return rows


def by_pillow(data: bytes, size: tuple[int, int], eighths: int) -> Work:
    def work() -> object:
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (size[0] * eighths // 8, size[1] * eighths // 8))
        return np.asarray(image)

    return work


def by_simplejpeg(data: bytes, size: tuple[int, int], eighths: int) -> Work:
    sides = {"min_width": size[0] * eighths // 8, "min_height": size[1] * eighths // 8}
    return lambda: simplejpeg.decode_jpeg(data, "RGB", **sides)


def by_opencv(data: bytes, size: tuple[int, int], eighths: int) -> Work:
    array = np.frombuffer(data, np.uint8)
    return lambda: cv2.cvtColor(cv2.imdecode(array, REDUCED[eighths]), cv2.COLOR_BGR2RGB)


def by_libvips(data: bytes, size: tuple[int, int], eighths: int) -> Work:
    return lambda: pyvips.Image.jpegload_buffer(data, access="sequential", shrink=8 // eighths).numpy()


JPEG = {"Pillow": by_pillow, "simplejpeg": by_simplejpeg, "OpenCV": by_opencv, "libvips": by_libvips}
ANY: dict[str, Callable[[bytes], object]] = {
    "Pillow": lambda data: np.asarray(Image.open(io.BytesIO(data)).convert("RGB")),
    "simplejpeg": lambda data: simplejpeg.decode_jpeg(data, "RGB"),
    "OpenCV": lambda data: cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), 4),
    "libvips": lambda data: pyvips.Image.new_from_buffer(data, "", access="sequential").numpy(),
    "imagecodecs": lambda data: imagecodecs.imread(data),
}
RESIZES: dict[str, Callable[[Image.Image, tuple[int, int]], Work]] = {
    "Pillow, all pixels": lambda image, size: lambda: image.resize(size, Image.Resampling.BILINEAR),
    **{
        f"Pillow, averages down to {gap:g} times the size": lambda image, size, gap=gap: (
            lambda: image.resize(size, Image.Resampling.BILINEAR, reducing_gap=gap)
        )
        for gap in GAPS
    },
    "OpenCV, INTER_AREA": lambda image, size: by_area(np.asarray(image), size),
    "libvips, reduce, linear": lambda image, size: by_reduce(np.asarray(image), size),
}


def by_area(pixels: np.ndarray, size: tuple[int, int]) -> Work:
    return lambda: cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def by_reduce(pixels: np.ndarray, size: tuple[int, int]) -> Work:
    height, width, bands = pixels.shape
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, bands, "uchar")
    return lambda: image.reduce(width / size[0], height / size[1], kernel="linear").numpy()


def encode(picture: Image.Image, container: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, container, **options)
    return file.getvalue()


def try_to_measure(decode: Callable[[bytes], object], data: bytes) -> object:
    try:
        return measure(lambda: decode(data))
    except Exception:  # each library has its own
        return "–"


def measure(work: Work) -> float:
    """Median milliseconds of processor time, after two calls for warming up."""
    times = []
    for _ in range(REPEATS + 2):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return median(times[2:]) * 1000


if __name__ == "__main__":
    main(Path(sys.argv[1]))
