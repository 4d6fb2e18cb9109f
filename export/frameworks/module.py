"""From a `torch.nn.Module` to ONNX; Keras (on its torch backend) and PyTorch both come through here."""

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from torch.utils._pytree import tree_flatten_with_path, tree_leaves

from export.quiet import quiet

# What torch's exporter writes without a conversion, and ONNX Runtime 1.19 and TensorRT 10 read. Its down-conversion
# to 17 fails on Pad and on reductions, so 17 would exclude real checkpoints.
OPSET = 18


def to_onnx(
    module: torch.nn.Module, example: tuple, names: tuple[str, ...] = ("x",), outputs: list[str] | None = None
) -> onnx.ModelProto:
    """Export with the first dimension of every tensor input dynamic, scalars aside; inputs may be tuples of tensors."""
    with quiet(), torch.no_grad():
        program = torch.export.export(module.eval(), example, dynamic_shapes=_dynamic(example))
    return program_to_onnx(program, names, outputs)


def program_to_onnx(
    program: torch.export.ExportedProgram, names: tuple[str, ...] = ("x",), outputs: list[str] | None = None
) -> onnx.ModelProto:
    with quiet(), torch.no_grad():
        exported = torch.onnx.export(
            program, (), dynamo=True, opset_version=OPSET, input_names=list(names), output_names=outputs,
            verbose=False, optimize=True,
        )  # fmt: skip
    assert exported is not None
    return exported.model_proto


def script_to_onnx(script: torch.jit.ScriptModule, example: torch.Tensor, outputs: list[str]) -> onnx.ModelProto:
    """By torch's older exporter: the newer one takes no TorchScript."""
    buffer = io.BytesIO()
    with quiet(), torch.no_grad():
        torch.onnx.export(
            script, (example,), buffer,  # type: ignore[arg-type]
            dynamo=False, opset_version=OPSET, input_names=["x"], output_names=outputs,
            dynamic_axes={"x": {0: "N"}},
        )  # fmt: skip
    return onnx.load_model_from_string(buffer.getvalue())


def _dynamic(example: tuple) -> tuple:
    return tuple(
        _dynamic(each) if isinstance(each, tuple) else {0: torch.export.Dim.DYNAMIC} if each.ndim else None
        for each in example
    )


def name_outputs(outputs: Any) -> list[str]:
    """A name for each tensor: the keys of dicts and named tuples, `output_0` and so on for the places in tuples, and
    `output` for a lone tensor; with `_` for what torch's exporter takes in no name."""
    leaves, _ = tree_flatten_with_path(outputs)
    names = ["_".join(map(_name, path)) or "output" for path, leaf in leaves if torch.is_tensor(leaf)]
    return [re.sub(r"\W", "_", f"output_{name}" if name[0].isdigit() else name) for name in names]


def _name(key: Any) -> str:
    """Of a step into a structure: pytree has one class for mappings, sequences and attributes each."""
    return str(next(getattr(key, field) for field in ("key", "idx", "name") if hasattr(key, field)))


def flatten(outputs: Any) -> list[torch.Tensor]:
    """The tensors in the order of `name_outputs`."""
    return [leaf for leaf in tree_leaves(outputs) if torch.is_tensor(leaf)]


def run(module: Callable, *inputs: np.ndarray) -> list[np.ndarray]:
    """Forward pass on arrays; outputs as a flat list of arrays."""
    with torch.no_grad():
        outputs = module(*(torch.from_numpy(array) for array in inputs))
    return [output.numpy() for output in flatten(outputs)]
