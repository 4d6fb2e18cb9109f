"""Keras checkpoints: legacy `.h5`/`.hdf5` and `.keras`, on Keras 3 with the torch backend (no TensorFlow)."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch

from export.entry import Model
from export.errors import CheckpointError, first_line
from export.frameworks.legacy_h5 import readable
from export.frameworks.module import run, to_onnx
from export.frameworks.source import Layout, Source, find_output
from export.quiet import quiet


def load(model: Model, trust: bool) -> Source:
    network = read(model, trust)
    shape = (2, model.geometry.height, model.geometry.width, model.pixels.channels.depth)
    _check_inputs(model, network)
    expected = tuple(network.inputs[0].shape[1:])
    if len(expected) != 3 or any(have not in (None, want) for have, want in zip(expected, shape[1:], strict=True)):
        raise CheckpointError(
            f"{model.checkpoint}: takes input {expected} (height, width, channels), the entry of {model.name} says "
            f"{shape[1:]}; correct geometry or pixels.channels"
        )
    names = name_outputs(network)
    index = find_output(model, names)
    single = _Single(network, index)
    run(single, torch.zeros(shape).numpy())  # builds what is built lazily
    graph = to_onnx(single, (torch.rand(shape),), outputs=[names[index]])
    return Source(graph, Layout.NHWC, lambda pixels: run(single, pixels))


def _check_inputs(model: Model, network: keras.Model) -> None:
    """One input, channels last."""
    names = [each.name for each in network.inputs]
    if len(names) > 1:
        raise CheckpointError(f"{model.checkpoint}: takes {', '.join(names)}; only networks with one input are served")
    sides = (model.pixels.channels.depth, model.geometry.height, model.geometry.width)
    if tuple(network.inputs[0].shape[1:]) == sides != (sides[1], sides[2], sides[0]):
        raise CheckpointError(
            f"{model.checkpoint}: takes input {sides}, channels first; build it anew with channels last and load its "
            "weights into that"
        )


def name_outputs(network: keras.Model) -> list[str]:
    return list(getattr(network, "output_names", [network.layers[-1].name]))


def read(model: Model, trust: bool) -> keras.Model:
    """The network, whose weights are not to be trained any more.

    Raises:
        CheckpointError: no file of Keras', or one that holds code.
    """
    try:
        with quiet(), readable(model.checkpoint) as path:
            network = keras.saving.load_model(path, compile=False, safe_mode=not trust)
    except Exception as error:  # h5py, zipfile and Keras all raise their own
        raise CheckpointError(
            f"{model.checkpoint}: Keras cannot read it: {first_line(error)}; {_remedy(error)}"
        ) from error
    network.trainable = False
    return network


def _remedy(error: Exception) -> str:
    """What helps when Keras refuses a file: for the code in it, for foreign layers, or because it is none of Keras'."""
    text = str(error)
    if "Lambda" in text or "unsafe" in text:
        return "it holds code; give --trust-checkpoint if you trust whoever made the file"
    if "Could not locate class" in text or "Unknown layer" in text:
        return "replace the layer by one of Keras' own and save the model again"
    return "accepted are whole models, not weights alone, in .h5, .hdf5 or .keras"


class _Single(torch.nn.Module):
    """The network with the one output that is served."""

    def __init__(self, network: keras.Model, index: int) -> None:
        super().__init__()
        self.network, self.index = network, index

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        outputs = self.network(pixels, training=False)
        outputs = list(outputs.values()) if isinstance(outputs, dict) else outputs
        return outputs[self.index] if isinstance(outputs, (list, tuple)) else outputs
