"""Examples per attribute as thumbnails: the pictures themselves, so only where they are asked for."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from scoring.report.dataset import Run
from scoring.report.pictures import find_photo
from scoring.report.profile import to_floats
from scoring.report.section import Example, Gallery, Section

SIDE = 112
QUALITY = 70
PER_ROW = 6
# The same photo may be in the source many times; of so many candidates, different ones are shown.
CANDIDATES = 5 * PER_ROW


def examples_section(run: Run, threshold: float) -> Section:
    """Per classifier the surest yes, the closest to the threshold, and the surest no."""
    galleries = []
    for name in run.classifiers:
        values = to_floats(run.read([name])[name])
        for heading, places in choose(values, threshold).items():
            galleries.append(Gallery(f"{name}: {heading}", read_examples(run, name, places)))
    text = ["This page holds pictures of people. Give it only to those who may see them."]
    return Section("examples", "Examples", text=text, galleries=[each for each in galleries if each.examples])


def choose(values: NDArray[np.float64], threshold: float) -> dict[str, NDArray[np.int64]]:
    """Row numbers, the most telling first, by heading."""
    known = np.flatnonzero(np.isfinite(values))
    yes, no = known[values[known] >= threshold], known[values[known] < threshold]
    return {
        "surest yes": best(yes, -values[yes]),
        "closest to the threshold": best(known, np.abs(values[known] - threshold)),
        "surest no": best(no, values[no]),
    }


def best(places: NDArray[np.int64], cost: NDArray[np.float64]) -> NDArray[np.int64]:
    number = min(CANDIDATES, len(places))
    chosen = np.argpartition(cost, number - 1)[:number] if number else np.empty(0, np.int64)
    return places[chosen[np.argsort(cost[chosen], kind="stable")]]


def read_examples(run: Run, name: str, places: NDArray[np.int64]) -> list[Example]:
    columns = ["source", name, *run.only("sha256")]
    rows = run.dataset.take(places, columns=columns).to_pylist() if len(places) else []
    distinct: dict[str, dict] = {}
    for row in rows:
        distinct.setdefault(row.get("sha256") or row["source"], row)
    return [make_example(row["source"], row[name]) for row in list(distinct.values())[:PER_ROW]]


def make_example(source: str, probability: float) -> Example:
    shown = source.rsplit("/", 1)[-1]
    try:
        picture = thumbnail(source)
    except Exception as error:  # decoders and file systems raise nearly anything; the example says what it was
        return Example(None, f"{shown} cannot be read", f"{probability:.2f} (not readable: {type(error).__name__})")
    return Example(picture, f"Photo {shown}, probability {probability:.2f}", f"{probability:.2f}")


def thumbnail(source: str) -> str:
    """A small JPEG as data URI."""
    with Image.open(io.BytesIO(find_photo(source).read())) as picture:
        # JPEG is decoded at the size that is needed.
        picture.draft("RGB", (2 * SIDE, 2 * SIDE))
        small = ImageOps.exif_transpose(picture).convert("RGB")
        small.thumbnail((2 * SIDE, 2 * SIDE))
        data = io.BytesIO()
        small.save(data, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
