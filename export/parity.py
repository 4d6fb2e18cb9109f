"""Does the ONNX network compute what its framework computes, on real pixels?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contract.request import FILE_TYPES
from export.entry import ROOT, Accelerator, Model, Weights
from export.errors import CheckpointError, ParityError, first_line
from export.frameworks.source import Source
from export.graph import normalise
from export.preprocessing import load_pixels
from export.session import open_served, open_session
from export.tasks import TASKS
from export.tasks.shared import Difference

SAMPLE = ROOT / "examples" / "sample.jpg"


@dataclass(frozen=True)
class Parity:
    """What was compared. `difference`, and `pixels` of a detector's boxes, are the largest, as the task counts them."""

    pictures: list[str]
    batches: list[int]
    difference: float
    atol: float
    pixels: float = 0.0
    atol_pixels: float = 0.0


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
    images = np.stack([load_pixels(path.read_bytes(), model) for path in pictures[:64]])
    sizes = [source.fixed_batch] if source.fixed_batch else sorted({1, 2, model.max_batch_size})
    sessions = [_open(network, model)]
    if model.accelerator is not Accelerator.NONE:
        sessions.append(open_served(network, model))
    found = [_compare_batch(sessions, source, model, batch) for size in sizes for batch in _batches(images, size)]
    by_session = [_largest(each) for each in zip(*found, strict=True)]
    if not by_session[0].within(model):
        raise ParityError(_explain(by_session[0], model, f"differs from {model.framework}", _cause(model)))
    if not by_session[-1].within(model):
        how = f"agrees with {model.framework} by itself, but differs on {model.accelerator}"
        raise ParityError(_explain(by_session[-1], model, how, "Leave accelerator out, or raise what is tolerated"))
    names, largest = [path.name for path in pictures[:64]], _largest(by_session)
    return Parity(names, sizes, largest.value, model.atol, largest.pixels, model.atol_pixels)


def _largest(found: Sequence[Difference]) -> Difference:
    return Difference(max(each.value for each in found), max(each.pixels for each in found))


def _open(network: bytes, model: Model) -> Any:
    try:
        return open_session(network)
    except Exception as error:  # ONNX Runtime has a class for each status
        raise CheckpointError(
            f"{model.checkpoint}: ONNX Runtime cannot load the network of {model.name}: {first_line(error)}; correct "
            "output and decoding.head, or export the checkpoint again"
        ) from error


def _explain(found: Difference, model: Model, how: str, remedy: str) -> str:
    tolerated = Difference(model.atol, model.atol_pixels if found.pixels else 0.0)
    return (
        f"{model.checkpoint}: the ONNX network of {model.name} {how} by {found.describe()}, tolerated is "
        f"{tolerated.describe()}; nothing was changed. {remedy}"
    )


def _cause(model: Model) -> str:
    if model.weights is Weights.FP32:
        return "Raise atol only if you know why it differs"
    return f"Leave weights = {model.weights} out, which rounds them, or raise atol to what they may cost"


def _batches(images: np.ndarray, size: int) -> list[np.ndarray]:
    """The pictures in batches of one size; shifted copies fill up the last one."""
    short = -len(images) % size
    shifted = [np.roll(images[index % len(images)], 7 * (index + 1), axis=1) for index in range(short)]
    return np.split(np.concatenate([images, *[image[None] for image in shifted]]), (len(images) + short) // size)


def _compare_batch(sessions: Sequence[Any], source: Source, model: Model, images: np.ndarray) -> list[Difference]:
    """Of each session from the framework; what the outputs mean is checked on the way."""
    expected, task = _predict(source, model, images), TASKS[model.task]
    served = [_run(session, images, model) for session in sessions]
    found = [task.difference(expected, outputs, source, model) for outputs in served]
    task.check_meaning(served[-1], source, model)
    return found


def _run(session: Any, images: np.ndarray, model: Model) -> list[np.ndarray]:
    try:
        return session.run(None, {"IMAGES": images})
    except Exception as error:  # ONNX Runtime and OpenVINO raise their own
        raise CheckpointError(_describe_failure("ONNX Runtime", images, model, error)) from error


def _describe_failure(who: str, images: np.ndarray, model: Model, error: Exception) -> str:
    batch, sides = f"a batch of {len(images)}", f"{model.geometry.width}x{model.geometry.height} pixels"
    return (
        f"{model.checkpoint}: {who} cannot run {batch} of {sides}: {first_line(error)}; correct geometry or "
        f"pixels.channels of {model.name}, or export it again with a free batch"
    )


def _predict(source: Source, model: Model, images: np.ndarray) -> list[np.ndarray]:
    """The framework's own outputs; a network that is free in its input's size may break only when it runs."""
    try:
        return source.predict(normalise(images, model, source.layout))
    except Exception as error:  # any layer of any framework, each with its own exceptions
        raise CheckpointError(_describe_failure(model.framework, images, model, error)) from error
