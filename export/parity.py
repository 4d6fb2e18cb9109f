"""Does the ONNX network compute what its framework computes, on real pixels?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import CheckpointError, ParityError, first_line
from export.frameworks import Source
from export.graph import check_labels, normalise
from export.manifest import ROOT, Activation, Model, Task
from export.preprocessing import load_pixels
from export.session import open_served, open_session

SAMPLE = ROOT / "examples" / "sample.jpg"
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".pgm", ".ppm", ".bmp"}


@dataclass(frozen=True)
class Parity:
    """What was compared. `difference` is the largest absolute one: of probabilities, of the caption's score, or of
    detections, where boxes count as shares of the input's longer side.
    """

    pictures: list[str]
    batches: list[int]
    difference: float
    atol: float


def list_pictures(folder: Path | None) -> list[Path]:
    """Pictures of a folder, or the sample photo."""
    if folder is None:
        return [SAMPLE]
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise CheckpointError(f"{folder}: no pictures; accepted are {', '.join(sorted(PICTURE_SUFFIXES))}")
    return found


def compare(network: bytes, source: Source, model: Model, pictures: list[Path]) -> Parity:
    """Run both on the pictures, at batch 1, 2 and the largest.

    Raises:
        ParityError: the difference is beyond the entry's `atol`.
        CheckpointError: the outputs do not fit the entry.
    """
    sessions = [open_session(network), open_served(network, model)]
    images = np.stack([load_pixels(path.read_bytes(), model) for path in pictures[:64]])
    batches = [source.fixed_batch] if source.fixed_batch else sorted({1, 2, model.max_batch_size})
    difference = max(
        _compare_batch(sessions, source, model, batch) for size in batches for batch in _batches(images, size)
    )
    names = [path.name for path in pictures[:64]]
    if not difference <= model.atol:
        raise ParityError(
            f"{model.checkpoint}: the ONNX network of {model.name} differs from its framework by {difference:.2g}, "
            f"tolerated is {model.atol:.2g}; nothing was changed. Raise atol only if you know why it differs"
        )
    return Parity(names, batches, difference, model.atol)


def _batches(images: np.ndarray, size: int) -> list[np.ndarray]:
    """The pictures in batches of one size; shifted copies fill up the last one."""
    short = -len(images) % size
    shifted = [np.roll(images[index % len(images)], 7 * (index + 1), axis=1) for index in range(short)]
    return np.split(np.concatenate([images, *[image[None] for image in shifted]]), (len(images) + short) // size)


def _compare_batch(sessions: Sequence[Any], source: Source, model: Model, images: np.ndarray) -> float:
    expected = _predict(source, model, images)
    return max(_compare_outputs(expected, session.run(None, {"IMAGES": images}), source, model) for session in sessions)


def _compare_outputs(expected: list[np.ndarray], actual: list[np.ndarray], source: Source, model: Model) -> float:
    if model.task is Task.CAPTION:
        return _caption_difference(expected, actual)
    if model.task is Task.DETECTION:
        return _detection_difference(expected[0], actual[0], source, model)
    check_labels(expected, model)
    return float(np.abs(_activate(expected[0], model.activation) - actual[0]).max())


def _predict(source: Source, model: Model, images: np.ndarray) -> list[np.ndarray]:
    """The framework's own outputs; a network that is free in its input's size may break only when it runs."""
    try:
        return source.predict(normalise(images, model, source.layout))
    except Exception as error:  # any layer of any framework, each with its own exceptions
        raise CheckpointError(
            f"{model.checkpoint}: {model.framework} cannot run it on {model.geometry.width}x{model.geometry.height} "
            f"pixels: {first_line(error)}; correct geometry or pixels.channels of {model.name}"
        ) from error


def _activate(values: np.ndarray, activation: Activation) -> np.ndarray:
    """What the manifest says about the last layer, in numpy; one unit becomes two probabilities."""
    if activation is Activation.SOFTMAX:
        values = np.exp(values - values.max(-1, keepdims=True))
        values = values / values.sum(-1, keepdims=True)
    elif activation is Activation.SIGMOID:
        values = 1 / (1 + np.exp(-values))
    return np.concatenate([1 - values, values], axis=-1) if values.shape[-1] == 1 else values


def _caption_difference(expected: list[np.ndarray], actual: list[np.ndarray]) -> float:
    """Tokens must be the same; scores may differ."""
    if not np.array_equal(expected[0], actual[0]):
        return float("inf")
    return float(np.abs(expected[1] - actual[1]).max())


def _detection_difference(expected: np.ndarray, actual: np.ndarray, source: Source, model: Model) -> float:
    side = max(model.geometry.width, model.geometry.height)
    if not source.end_to_end:
        scale = np.where(np.arange(expected.shape[1]) < 4, side, 1)[:, None]
        return float((np.abs(expected - actual) / scale).max())
    return max(_rows_difference(want, have, side, model) for want, have in zip(expected, actual, strict=True))


def _rows_difference(expected: np.ndarray, actual: np.ndarray, side: int, model: Model) -> float:
    """Each final box [K,6] against its nearest of the same class; near ties may change places."""
    expected = expected[expected[:, 4] >= 2 * model.decoding.score_floor]
    if not len(expected):
        return float(np.abs(actual[:, 4].max(initial=0)) > 2 * model.decoding.score_floor + model.atol)
    scale = np.array([side, side, side, side, 1, 1 / side])
    distances = np.abs(expected[:, None] - actual[None]) / scale
    return float(distances.max(-1).min(-1).max())
