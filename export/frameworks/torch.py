"""PyTorch checkpoints: state dicts with the factory that builds their network, TorchScript, `torch.export` programs."""

import argparse
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from export.entry import Model
from export.errors import CheckpointError, first_line
from export.frameworks.module import flatten, name_outputs, program_to_onnx, run, script_to_onnx, to_onnx
from export.frameworks.source import Layout, Source
from export.frameworks.state_dict import strip, unwrap
from export.quiet import quiet
from export.wording import count_nouns

PROGRAM, SCRIPT = "models/model.json", "code/__torch__/"  # what only these archives hold
SCALAR = np.float64(0).__reduce__()[0]  # what rebuilds a number of numpy
# What training scripts save beside the weights, and what is harmless to rebuild: options, and numpy's numbers.
HARMLESS: list[Any] = [
    argparse.Namespace,
    *(np.dtype, np.ndarray, np.float64, np.float32, np.int64, np.bool_),
    *(type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "?")),
    *((SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]
NUMBERS = "it computes in another type than float32; save it again after .float(), and without .half() in its code"
# By a word of what torch says when a network does not run, in small letters.
REMEDIES = {
    "cuda": "a GPU is written into it, by .cuda() or a trace on one; make it on the CPU",
    **dict.fromkeys(("half", "double", "bfloat16"), NUMBERS),
    "positional argument": "it takes pixels and nothing else; a factory may wrap it and give the rest",
}
REMEDY = "copy it again, or save it anew with torch.save"


def load(model: Model, trust: bool) -> Source:
    entries = list_entries(model.checkpoint)
    if PROGRAM in entries:
        return load_program(model)
    if any(entry.startswith(SCRIPT) for entry in entries):
        return load_script(model)
    network, notes = load_module(model, trust)
    pixels = torch.rand(_shape(model, 2))
    outputs = name_outputs(_try(model, network, pixels))
    graph = to_onnx(network, (pixels,), outputs=outputs)
    return Source(graph, Layout.NCHW, lambda batch: run(network, batch), notes=tuple(notes))


def _shape(model: Model, batch: int) -> tuple[int, ...]:
    return batch, model.pixels.channels.depth, model.geometry.height, model.geometry.width


def _try(model: Model, network: Callable, pixels: torch.Tensor) -> Any:
    """What the network gives.

    Raises:
        CheckpointError: it does not run on the entry's pixels.
    """
    try:
        with quiet(), torch.no_grad():
            return network(pixels)
    except Exception as error:  # any layer, each with its own exceptions
        if len(pixels) > 1 and runs(network, pixels[:1]):
            raise CheckpointError(
                f"{model.checkpoint}: runs with a batch of 1 only, which is written or was traced into it "
                f"({first_line(error)}); take x.shape[0] for the batch, without int() around it"
            ) from error
        said = first_line(error).lower()
        remedy = next((remedy for word, remedy in REMEDIES.items() if word in said), None)
        raise CheckpointError(
            f"{model.checkpoint}: torch cannot run it on {model.geometry.width}x{model.geometry.height} pixels in "
            f"{model.pixels.channels}: {first_line(error)}; "
            f"{remedy or f'correct geometry or pixels.channels of {model.name}'}"
        ) from error


def list_entries(path: Path) -> list[str]:
    """Names in a zip archive, less its one outer folder; none for older checkpoints, which are plain pickles."""
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return [name.partition("/")[2] for name in archive.namelist()]


class Flat(torch.nn.Module):
    """A network that gives a dict, giving its tensors in a row: TorchScript has no dicts in ONNX."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(flatten(self.network(pixels)))


def read_script(model: Model) -> torch.jit.ScriptModule:
    with quiet():
        return torch.jit.load(model.checkpoint, map_location="cpu").eval()


def load_script(model: Model) -> Source:
    script = read_script(model)
    pixels = torch.rand(_shape(model, 2))
    outputs = _try(model, script, pixels)
    network = torch.jit.trace(Flat(script), pixels) if isinstance(outputs, dict) else script
    graph = script_to_onnx(network, pixels, name_outputs(outputs))
    return Source(graph, Layout.NCHW, lambda batch: run(script, batch))


def runs(network: Callable, pixels: torch.Tensor) -> bool:
    """Whether the network takes pixels of this shape."""
    try:
        with quiet(), torch.no_grad():
            network(pixels)
    except Exception:  # torch's own, and what modules check by themselves
        return False
    return True


def read_program(model: Model) -> tuple[torch.export.ExportedProgram, list[Any]]:
    """A `torch.export` program and the shape of its input; what is free in it is no number."""
    with quiet():
        program = torch.export.load(model.checkpoint)
    (name, *_) = program.graph_signature.user_inputs
    return program, list(next(node for node in program.graph.nodes if node.name == name).meta["val"].shape)


def load_program(model: Model) -> Source:
    """A `torch.export` program; one that was exported with a fixed batch keeps it."""
    program, (batch, *sides) = read_program(model)
    with quiet():
        network = program.module()
    wanted = _shape(model, 1)[1:]
    if len(sides) != 3 or any(isinstance(have, int) and have != want for have, want in zip(sides, wanted, strict=True)):
        raise CheckpointError(
            f"{model.checkpoint}: takes {tuple(sides)} (channels, height, width), the entry of {model.name} says "
            f"{wanted}; correct geometry or pixels.channels"
        )
    fixed = batch if isinstance(batch, int) else None
    outputs = name_outputs(_try(model, network, torch.rand(_shape(model, fixed or 2))))
    graph = program_to_onnx(program, outputs=outputs)
    return Source(graph, Layout.NCHW, lambda pixels: run(network, pixels), fixed_batch=fixed)


def load_module(model: Model, trust: bool) -> tuple[torch.nn.Module, list[str]]:
    """The network in eval mode, on the CPU: pickled whole (trusted checkpoints only), or a state dict's; and what was
    found out about the file."""
    loaded, path = unwrap(read(model, trust))
    notes = [f"weights from {'.'.join(path)}"] if path else []
    if isinstance(loaded, torch.nn.Module):
        return loaded.float().eval(), notes
    network = build(model)
    return fill(network, loaded, model, notes).eval(), notes


def fill(network: torch.nn.Module, loaded: Any, model: Model, notes: list[str]) -> torch.nn.Module:
    """The network with the checkpoint's weights; tells in `notes` what was taken off their names."""
    state = loaded
    try:
        if isinstance(loaded, dict):
            state, prefix, others = strip(loaded, network.state_dict())
            notes += [f"names without the prefix {prefix}"] if prefix else []
            notes += [f"{count_nouns(others, 'tensor')} beside them left out"] if others else []
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError, ValueError) as error:
        cause = " ".join(str(error).split())[:300]
        found = f" ({', '.join(notes)})" if notes else ""
        raise CheckpointError(
            f"{model.checkpoint}{found}: does not fit {model.factory}: {cause}; correct factory, or save the state "
            "dict alone"
        ) from error
    return network


def read(model: Model, trust: bool) -> Any:
    """What `torch.save` wrote; without trust nothing is unpickled but tensors, plain containers and numbers."""
    try:
        with quiet(), torch.serialization.safe_globals(HARMLESS):
            return torch.load(model.checkpoint, map_location="cpu", weights_only=not trust)
    except UnpicklingError as error:
        raise CheckpointError(f"{model.checkpoint}: {_explain(error)}") from error
    except Exception as error:  # zipfile, pickle and torch all raise their own
        raise CheckpointError(f"{model.checkpoint}: PyTorch cannot read it: {first_line(error)}; {REMEDY}") from error


def _explain(error: UnpicklingError) -> str:
    """Why weights_only refuses: an object that only arbitrary code could rebuild, or no pickle at all."""
    _, found, name = str(error).partition("Unsupported global: GLOBAL ")
    if not found:
        return f"PyTorch cannot read it as a state dict: {first_line(error)}; {REMEDY}"
    return (
        f"holds {name.split()[0]}, and to rebuild that can run any code; save a state dict instead, or give "
        "--trust-checkpoint if you trust whoever made the file"
    )


def build(model: Model) -> torch.nn.Module:
    """The network of the entry's factory, without its weights.

    Raises:
        CheckpointError: there is none, or its module or itself fails; with the error.
    """
    if model.factory is None:
        raise CheckpointError(f"{model.checkpoint}: is a state dict; give factory (module:function) of {model.name}")
    module, function = model.factory.split(":")
    factory = getattr(_import(module, model), function, None)
    if factory is None:
        raise CheckpointError(f"{model.checkpoint}: module {module} has no {function}; correct factory")
    try:
        with quiet():
            network = factory()
    except (Exception, SystemExit) as error:  # anybody's code
        raise CheckpointError(
            f"{model.factory}: fails when it is called: {type(error).__name__}: {first_line(error)}; a factory takes "
            "no arguments and gives the network"
        ) from error
    if not isinstance(network, torch.nn.Module):
        what = (
            f"the class {network.__name__}" if isinstance(network, type) else f"an object of {type(network).__name__}"
        )
        raise CheckpointError(f"{model.factory}: gives {what}; a factory gives the network, a torch.nn.Module")
    return network.float()


def _import(module: str, model: Model) -> Any:
    try:
        with quiet():
            return import_module(module)
    except ModuleNotFoundError as error:
        own = error.name and f"{module}.".startswith(f"{error.name}.")
        remedy = "put it on the import path" if own else "install it"
        raise CheckpointError(
            f"{model.checkpoint}: cannot import {error.name}, which factory {model.factory} needs; {remedy}"
        ) from error
    except SystemExit as error:  # a training script that parses its arguments, say
        raise CheckpointError(
            f"{model.checkpoint}: factory {model.factory}: importing {module} ends the program ({first_line(error)}); "
            'put what it runs under if __name__ == "__main__"'
        ) from error
    except Exception as error:  # anybody's code
        remedy = "mend the module"
        if "torchvision::" in str(error):
            remedy = "torch and torchvision are of different builds (CPU and CUDA); install both from one index"
        raise CheckpointError(
            f"{model.checkpoint}: factory {model.factory}: importing {module} fails: {type(error).__name__}: "
            f"{first_line(error)}; {remedy}"
        ) from error
