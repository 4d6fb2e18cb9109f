"""One module per framework; each turns a checkpoint into a `Source`. A framework is imported only when needed."""

from importlib import import_module

from export.errors import CheckpointError
from export.frameworks.source import Layout, Source
from export.manifest import Framework, Model, Task


def load_source(model: Model) -> Source:
    """The checkpoint of a manifest entry as a float ONNX network and the framework's own way to run it.

    Raises:
        CheckpointError: no such file, the framework is not installed, or the checkpoint does not fit the entry.
    """
    if not model.checkpoint.is_file():
        raise CheckpointError(f"{model.checkpoint}: no such file; correct the checkpoint of {model.name}")
    try:
        return _loader(model)(model)
    except ModuleNotFoundError as error:
        remedy = "install requirements/export.txt, or put the factory's module on the import path"
        raise CheckpointError(f"{model.checkpoint}: cannot import {error.name}; {remedy}") from error


def _loader(model: Model):
    if model.task is Task.CAPTION:
        return import_module("export.frameworks.caption").load
    return import_module(f"export.frameworks.{Framework(model.framework).value}").load
