"""What a checkpoint takes, as far as its file says it: for `python -m export doctor`, which has no entry to ask."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contract.tasks import Task
from export.entry import Model
from export.errors import CheckpointError
from export.kinds import Kind, find_kind

TRIED = (224, 64, 256, 299, 384, 128, 112, 96, 48, 32, 28, 512, 640)  # sides, where the file does not say them
DEPTHS = (1, 3)
TASKS = {"detect": Task.DETECTION, "classify": Task.CLASSIFICATION}  # in the words of ultralytics


@dataclass(frozen=True)
class Input:
    """Sides in pixels and channels of the input; None is what the file leaves open.

    `outputs` and their ranks, the batch included, where they are needed to load it. `task` is what the file says of
    itself. `lacks` names the field of the entry without which nothing can be run.
    """

    height: int | None
    width: int | None
    channels: int | None
    outputs: Mapping[str, int] = field(default_factory=dict)
    task: Task | None = None
    lacks: str | None = None


def read_input(model: Model, trust: bool) -> Input:
    """What the checkpoint of a trial entry takes; its geometry and channels are not looked at.

    Raises:
        CheckpointError: its framework cannot read it, or it takes no picture.
    """
    return READERS[find_kind(model.checkpoint)](model, trust)


def _read_keras(model: Model, trust: bool) -> Input:
    from export.frameworks import keras

    network = keras.read(model, trust)
    height, width, channels = _check_sides(model, network.inputs[0].shape[1:])
    ranks = (len(output.shape) for output in network.outputs)
    return Input(height, width, channels, dict(zip(keras.name_outputs(network), ranks, strict=True)))


def _read_onnx(model: Model, trust: bool) -> Input:
    from export.frameworks import onnx

    network = onnx.read(model)
    (entry, *_) = onnx.list_inputs(network.graph)
    sides = _check_sides(model, [each.dim_value or None for each in entry.type.tensor_type.shape.dim][1:])
    height, width, channels = sides if sides[2] in DEPTHS and sides[0] not in DEPTHS else (*sides[1:], sides[0])
    task = TASKS.get(next((each.value for each in network.metadata_props if each.key == "task"), ""))
    return Input(height, width, channels, task=task)


def _read_yolo(model: Model, trust: bool) -> Input:
    from export.frameworks import ultralytics

    side = ultralytics.read_side(model, trust)
    return Input(side, side, 3, task=Task.DETECTION)


def _read_program(model: Model, trust: bool) -> Input:
    from export.frameworks import torch

    channels, height, width = _check_sides(model, torch.read_program(model)[1][1:])
    return Input(height, width, channels)


def _read_script(model: Model, trust: bool) -> Input:
    from export.frameworks import torch

    network = torch.read_script(model)
    return _try_sides(network, network)


def _read_torch(model: Model, trust: bool) -> Input:
    """A pickled module, or a state dict: without its factory only the channels are known. Caption networks are known
    by their two methods."""
    from export.frameworks import torch
    from export.frameworks.state_dict import is_state, unwrap

    loaded, _ = unwrap(torch.read(model, trust))
    if is_state(loaded) and model.factory is None:
        return Input(None, None, _count_channels(loaded), lacks="factory")
    network, _ = torch.load_module(model, trust)
    encode: Any = getattr(network, "encode", None)
    if encode is None or not hasattr(network, "step"):
        return _try_sides(network, network)
    return replace(_try_sides(network, encode), task=Task.CAPTION, lacks="decoding.vocabulary")


def _check_sides(model: Model, shape: Sequence[Any]) -> list[int | None]:
    sides = [each if isinstance(each, int) and each > 0 else None for each in shape]
    if len(sides) != 3:
        raise CheckpointError(f"{model.checkpoint}: takes input {tuple(shape)}; only networks for pictures are served")
    return sides


def _count_channels(state: Mapping[str, Any]) -> int | None:
    """Of the first convolution."""
    return next((kernel.shape[1] for kernel in state.values() if getattr(kernel, "ndim", 0) == 4), None)


def _try_sides(network: Any, call: Callable) -> Input:
    """A module does not say its sides: the only ones that it runs with, none where it runs with several."""
    import torch

    from export.frameworks.torch import runs

    channels = _count_channels(network.state_dict()) or 3
    running = [side for side in TRIED if runs(call, torch.zeros(1, channels, side, side))]
    side = running[0] if len(running) == 1 else None
    return Input(side, side, channels)


READERS: dict[Kind, Callable[[Model, bool], Input]] = {
    Kind.HDF5: _read_keras,
    Kind.KERAS: _read_keras,
    Kind.ONNX: _read_onnx,
    Kind.YOLO: _read_yolo,
    Kind.PROGRAM: _read_program,
    Kind.SCRIPT: _read_script,
    Kind.TORCH: _read_torch,
}
