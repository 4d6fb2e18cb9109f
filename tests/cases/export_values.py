"""Cases 06, 26 and 27: which head is served, and which pixels a network sees."""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from contract.pixels import Geometry
from contract.pixels import picture as preprocessing
from tests.cases.check import Check, near
from tests.cases.export_formats import finish, refuse
from tests.cases.network import answer
from tests.cases.workplace import Workplace
from tests.pictures import encode

HEADS = {"smile": [0.9, 0.1], "glasses": [0.2, 0.8]}
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def try_keras_outputs(workplace: Workplace) -> Iterator[Check]:
    """The named head, whatever the order of the dict."""
    folder = workplace.make("06")
    for manifest in sorted(folder.glob("*.toml")):
        yield from export_head(workplace, manifest, HEADS[manifest.stem.rpartition("_")[2]])


def export_head(workplace: Workplace, manifest: Path, right: list[float]) -> Iterator[Check]:
    ended = workplace.export(manifest)
    yield from finish(manifest.stem, ended)
    if ended.status == 0:
        got = answer(manifest.parent / f"{manifest.stem}.out")
        seen = str(np.round(got, 3).tolist())
        yield Check(f"{manifest.stem}: answer", str(right), seen, bool(np.abs(got - right).max() < 1e-3))


def try_onnx_heads(workplace: Workplace) -> Iterator[Check]:
    folder = workplace.copy("26")
    yield from refuse("unnamed", workplace.export(folder / "unnamed.toml"), "output", "glasses", "smile")
    yield from refuse("wrong", workplace.export(folder / "wrong.toml"), "glasses", "smile")
    yield from export_head(workplace, folder / "smile.toml", HEADS["smile"])


def try_pixels(workplace: Workplace) -> Iterator[Check]:
    """Networks whose answer is the mean of their own input, left and right.

    As classifiers they are refused: means are no probabilities. An embedding may have any values.
    """
    folder = make_networks(workplace)
    picture = Image.open(folder / "red_blue.png")
    for manifest in sorted(folder.glob("*.toml")):
        yield from refuse(f"{manifest.stem} as a classifier", workplace.export(manifest), "net gives values")
        entry = tomllib.loads(manifest.read_text())["models"]["net"]
        embedding = folder / f"{manifest.stem}_embedding.toml"
        lines = [line for line in manifest.read_text().splitlines() if not line.startswith("labels")]
        embedding.write_text("\n".join(lines).replace('"classification"', '"embedding"'))
        ended = workplace.export(embedding)
        yield from finish(manifest.stem, ended)
        if ended.status == 0:
            yield compare(manifest.stem, entry, answer(folder / f"{embedding.stem}.out", fit(picture, entry)))


def make_networks(workplace: Workplace) -> Path:
    """The case's own script makes them, and then calls run_export.sh, which here does nothing."""
    folder, nothing = workplace.copy("27"), workplace.scratch / "run_export.sh"
    nothing.write_text("#!/bin/sh\n")
    nothing.chmod(0o755)
    workplace.execute(sys.executable, folder / "try.py")
    return folder


def fit(picture: Image.Image, entry: dict) -> np.ndarray:
    """UINT8 [H,W,3], as the preprocess step gives it."""
    geometry = Geometry(**entry["geometry"])
    return preprocessing.decode(encode(picture), [geometry], 10**8).fit(geometry)


def compare(name: str, entry: dict, got: np.ndarray) -> Check:
    """One blended column in the middle is all that may differ: below 2 % of the range."""
    pixels = {"channels": "rgb", "divide": 255, "mean": [0], "std": [1], **entry.get("pixels", {})}
    right = np.concatenate([normalise(np.array(colour), pixels) for colour in ([255.0, 0, 0], [0, 0, 255.0])])
    span = 255 / pixels["divide"] / min(pixels["std"])
    return near(f"{name}: differs, in shares of the range, by", 0.0, float(np.abs(got - right).max() / span), 0.02)


def normalise(colour: np.ndarray, pixels: dict) -> np.ndarray:
    """What the entry's `pixels` make of one RGB colour."""
    channels = {"rgb": colour, "bgr": colour[::-1], "grey": np.array([colour @ LUMA])}[pixels["channels"]]
    return (channels / pixels["divide"] - pixels["mean"]) / pixels["std"]
