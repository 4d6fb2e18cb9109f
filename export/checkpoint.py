"""From a manifest entry's checkpoint to a `Source`; a framework is imported only when it is needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from contract.tasks import DEFAULT_MIN_SCORE, Task
from export.download import check_sum, download
from export.entry import Decoding, Framework, Model, Pixels
from export.errors import CheckpointError, ExportError, find_cause, first_line
from export.frameworks.source import Source
from export.kinds import Kind, check_kind, find_kind
from export.signatures import check_file
from export.tasks import TASKS

MAKER_BYTES = 100_000  # an ONNX file ends with its metadata


def resolve(model: Model) -> Model:
    """The entry with a checkpoint that exists; addresses and official YOLO weights are downloaded to where it says.

    Raises:
        CheckpointError: no such file, or not the one that `sha256` means.
    """
    if model.url is not None:
        download(model)
    if model.checkpoint.is_file():
        check_sum(model)
        return model
    if model.framework is Framework.ULTRALYTICS:
        path = import_module("export.frameworks.ultralytics").download(model.checkpoint)
        return model.model_copy(update={"checkpoint": path})
    raise CheckpointError(f"{model.checkpoint}: no such file; correct the checkpoint of {model.name}")


def use_checkpoint(model: Model, path: Path) -> Model:
    """The entry with another checkpoint. A YOLO by ultralytics brings its own pixels, labels and head, so that any of
    them can take the place of another detector.

    Raises:
        CheckpointError: a file that is no detector was given for another task.
    """
    changes: dict[str, Any] = {"checkpoint": path}
    if is_ultralytics(path) and model.framework is not Framework.ULTRALYTICS:
        if model.task is not Task.DETECTION:
            raise CheckpointError(f"{path}: is a YOLO by ultralytics; {model.name} has task {model.task}")
        framework = Framework.ONNX if path.suffix == ".onnx" else Framework.ULTRALYTICS
        changes |= {"framework": framework, "pixels": Pixels(), "labels": None, "decoding": Decoding()}
        changes |= {"min_score": DEFAULT_MIN_SCORE, "output": None, "about": path.stem, "licence": "AGPL-3.0"}
        changes |= {"scores": "", "link": ""}
    return model.model_copy(update=changes)


def is_ultralytics(path: Path) -> bool:
    """By what the file says of its maker; one that is not there yet by its name. Raises as `check_file` does."""
    if not path.is_file():
        return path.name.startswith("yolo") and path.suffix == ".pt"
    check_file(path)
    if path.suffix == ".onnx":
        return b"Ultralytics" in path.read_bytes()[-MAKER_BYTES:]
    return find_kind(path) is Kind.YOLO


def load_source(model: Model, trust: bool = False) -> Source:
    """The checkpoint of a manifest entry as a float ONNX network and the framework's own way to run it.

    `trust` lets a checkpoint be unpickled that can run any code while it is.

    Raises:
        CheckpointError: the framework is not installed, or the checkpoint does not fit the entry.
    """
    source = open_source(model, trust)
    with _explaining(model):
        source = TASKS[model.task].prepare(model, source)
    if source.fixed_batch not in (None, 1):
        raise CheckpointError(
            f"{model.checkpoint}: takes batches of {source.fixed_batch} only, and photos come one by one; export it "
            "again with a free batch, or with a batch of 1"
        )
    return source


def open_source(model: Model, trust: bool) -> Source:
    """The checkpoint with all of its outputs, not looked at yet. Raises CheckpointError as `load_source` does."""
    check_kind(model)
    with _explaining(model):
        loader = import_module(f"export.frameworks.{TASKS[model.task].LOADERS[model.framework]}")
        return loader.load(model, trust)


@contextmanager
def _explaining(model: Model) -> Iterator[None]:
    """Foreign errors as CheckpointError."""
    try:
        yield
    except ExportError:
        raise
    except ModuleNotFoundError as error:
        raise CheckpointError(
            f"{model.checkpoint}: cannot import {error.name}; install requirements/export.txt"
        ) from error
    except Exception as error:  # a checkpoint may break any layer of any framework, each with its own exceptions
        remedy = f"check geometry, pixels and output of {model.name}, or replace the layer that ONNX has no words for"
        raise CheckpointError(
            f"{model.checkpoint}: {model.framework} cannot turn it into ONNX: {first_line(find_cause(error))}; {remedy}"
        ) from error
