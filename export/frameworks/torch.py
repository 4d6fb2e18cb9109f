"""PyTorch checkpoints: state dicts with the factory that builds their network, TorchScript, `torch.export` programs."""

import zipfile
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from export.entry import Model
from export.errors import CheckpointError, first_line
from export.frameworks.module import program_to_onnx, run, script_to_onnx, to_onnx
from export.frameworks.source import Layout, Source
from export.quiet import quiet

PROGRAM, SCRIPT = "models/model.json", "code/__torch__/"  # what only these archives hold

REMEDY = "copy it again, or save it anew with torch.save"


def load(model: Model, trust: bool) -> Source:
    entries = list_entries(model.checkpoint)
    shape = (2, model.pixels.channels.depth, model.geometry.height, model.geometry.width)
    if PROGRAM in entries:
        return load_program(model)
    if any(entry.startswith(SCRIPT) for entry in entries):
        with quiet():
            script = torch.jit.load(model.checkpoint, map_location="cpu").eval()
        return Source(script_to_onnx(script, torch.rand(shape)), Layout.NCHW, lambda pixels: run(script, pixels))
    network = load_module(model, trust)
    return Source(to_onnx(network, (torch.rand(shape),)), Layout.NCHW, lambda pixels: run(network, pixels))


def list_entries(path: Path) -> list[str]:
    """Names in a zip archive, less its one outer folder; none for older checkpoints, which are plain pickles."""
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return [name.partition("/")[2] for name in archive.namelist()]


def load_program(model: Model) -> Source:
    """A `torch.export` program; one that was exported with a fixed batch keeps it."""
    with quiet():
        program = torch.export.load(model.checkpoint)
        network = program.module()
    (name, *_) = program.graph_signature.user_inputs
    batch, *sides = next(node for node in program.graph.nodes if node.name == name).meta["val"].shape
    wanted = (model.pixels.channels.depth, model.geometry.height, model.geometry.width)
    if len(sides) != 3 or any(isinstance(have, int) and have != want for have, want in zip(sides, wanted, strict=True)):
        raise CheckpointError(
            f"{model.checkpoint}: takes {tuple(sides)} (channels, height, width), the entry of {model.name} says "
            f"{wanted}; correct geometry or pixels.channels"
        )
    fixed = batch if isinstance(batch, int) else None
    return Source(program_to_onnx(program), Layout.NCHW, lambda pixels: run(network, pixels), fixed_batch=fixed)


def load_module(model: Model, trust: bool) -> torch.nn.Module:
    """The network in eval mode, on the CPU: pickled whole (trusted checkpoints only), or a state dict's."""
    loaded = read(model, trust)
    if isinstance(loaded, torch.nn.Module):
        return loaded.eval()
    network = _factory(model)()
    try:
        network.load_state_dict(loaded)
    except (RuntimeError, TypeError) as error:
        cause = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{model.checkpoint}: does not fit {model.factory}: {cause}; correct factory") from error
    return network.eval()


def read(model: Model, trust: bool) -> Any:
    """What `torch.save` wrote; without trust nothing is unpickled but tensors and plain containers."""
    try:
        with quiet():
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


def _factory(model: Model):
    if model.factory is None:
        raise CheckpointError(f"{model.checkpoint}: is a state dict; give factory (module:function) of {model.name}")
    module, function = model.factory.split(":")
    try:
        return getattr(import_module(module), function)
    except AttributeError as error:
        raise CheckpointError(f"{model.checkpoint}: module {module} has no {function}; correct factory") from error
