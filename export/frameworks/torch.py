"""PyTorch checkpoints: a state dict with the factory that builds its network, or a `torch.export` program (`.pt2`)."""

from importlib import import_module
from typing import Any

import torch

from export.errors import CheckpointError, first_line
from export.frameworks.module import run, to_onnx
from export.frameworks.source import Layout, Source
from export.manifest import Model


def load(model: Model) -> Source:
    network = load_module(model)
    shape = (2, model.pixels.channels.depth, model.geometry.height, model.geometry.width)
    return Source(to_onnx(network, (torch.rand(shape),)), Layout.NCHW, lambda pixels: run(network, pixels))


def load_module(model: Model) -> torch.nn.Module:
    """The network in eval mode, on the CPU."""
    if model.checkpoint.suffix == ".pt2":
        return torch.export.load(model.checkpoint).module()
    network = _factory(model)()
    try:
        network.load_state_dict(read_state(model))
    except RuntimeError as error:
        cause = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{model.checkpoint}: does not fit {model.factory}: {cause}") from error
    return network.eval()


def read_state(model: Model) -> dict[str, Any]:
    """The state dict; nothing is unpickled but tensors and plain containers."""
    try:
        return torch.load(model.checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile, pickle and torch all raise their own
        raise CheckpointError(
            f"{model.checkpoint}: PyTorch cannot read it as a state dict: {first_line(error)}"
        ) from error


def _factory(model: Model):
    assert model.factory is not None
    module, function = model.factory.split(":")
    try:
        return getattr(import_module(module), function)
    except AttributeError as error:
        raise CheckpointError(f"{model.checkpoint}: module {module} has no {function}; correct factory") from error
