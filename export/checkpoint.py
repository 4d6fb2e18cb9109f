"""From a manifest entry's checkpoint to a `Source`; a framework is imported only when it is needed."""

from importlib import import_module

from export.entry import Framework, Model
from export.errors import CheckpointError, ExportError, first_line
from export.frameworks.source import Source
from export.tasks import TASKS


def resolve(model: Model) -> Model:
    """The entry with a checkpoint that exists; official YOLO weights are downloaded to where it says.

    Raises:
        CheckpointError: no such file.
    """
    if model.checkpoint.is_file():
        return model
    if model.framework is Framework.ULTRALYTICS:
        path = import_module("export.frameworks.ultralytics").download(model.checkpoint)
        return model.model_copy(update={"checkpoint": path})
    raise CheckpointError(f"{model.checkpoint}: no such file; correct the checkpoint of {model.name}")


def load_source(model: Model, trust: bool = False) -> Source:
    """The checkpoint of a manifest entry as a float ONNX network and the framework's own way to run it.

    `trust` lets a checkpoint be unpickled that can run any code while it is.

    Raises:
        CheckpointError: the framework is not installed, or the checkpoint does not fit the entry.
    """
    try:
        return import_module(f"export.frameworks.{TASKS[model.task].LOADERS[model.framework]}").load(model, trust)
    except ExportError:
        raise
    except ModuleNotFoundError as error:
        remedy = "install requirements/export.txt, or put the factory's module on the import path"
        raise CheckpointError(f"{model.checkpoint}: cannot import {error.name}; {remedy}") from error
    except Exception as error:  # a checkpoint may break any layer of any framework, each with its own exceptions
        remedy = f"check geometry, pixels and output of {model.name}, or replace the layer that ONNX has no words for"
        raise CheckpointError(
            f"{model.checkpoint}: {model.framework} cannot turn it into ONNX: {first_line(error)}; {remedy}"
        ) from error
