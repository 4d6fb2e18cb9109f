"""Does the ONNX network compute what its framework computes, on real pixels?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contract.request import FILE_TYPES
from export.entry import ROOT, Model
from export.errors import CheckpointError, ParityError, first_line
from export.frameworks.source import Source
from export.graph import normalise
from export.preprocessing import load_pixels
from export.session import open_served, open_session
from export.tasks import TASKS

SAMPLE = ROOT / "examples" / "sample.jpg"


@dataclass(frozen=True)
class Parity:
    """What was compared. `difference` is the largest one, as the task counts it."""

    pictures: list[str]
    batches: list[int]
    difference: float
    atol: float


def list_pictures(folder: Path | None) -> list[Path]:
    """Pictures of a folder, or the sample photo."""
    if folder is None:
        return [SAMPLE]
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in FILE_TYPES)
    if not found:
        raise CheckpointError(f"{folder}: no pictures; accepted are {', '.join(sorted(FILE_TYPES))}")
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
    task = TASKS[model.task]
    served = [session.run(None, {"IMAGES": images}) for session in sessions]
    difference = max(task.difference(expected, outputs, source, model) for outputs in served)
    task.check_meaning(served[-1], source, model)
    return difference


def _predict(source: Source, model: Model, images: np.ndarray) -> list[np.ndarray]:
    """The framework's own outputs; a network that is free in its input's size may break only when it runs."""
    try:
        return source.predict(normalise(images, model, source.layout))
    except Exception as error:  # any layer of any framework, each with its own exceptions
        raise CheckpointError(
            f"{model.checkpoint}: {model.framework} cannot run it on {model.geometry.width}x{model.geometry.height} "
            f"pixels: {first_line(error)}; correct geometry or pixels.channels of {model.name}"
        ) from error
