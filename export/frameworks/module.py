"""From a `torch.nn.Module` to ONNX; Keras (on its torch backend) and PyTorch both come through here."""

import io

import numpy as np
import onnx
import torch

from export.quiet import quiet

# What torch's exporter writes without a conversion, and ONNX Runtime 1.19 and TensorRT 10 read. Its down-conversion
# to 17 fails on Pad and on reductions, so 17 would exclude real checkpoints.
OPSET = 18


def to_onnx(module: torch.nn.Module, example: tuple, names: tuple[str, ...] = ("x",)) -> onnx.ModelProto:
    """Export with the first dimension of every tensor input dynamic, scalars aside; inputs may be tuples of tensors."""
    with quiet(), torch.no_grad():
        program = torch.export.export(module.eval(), example, dynamic_shapes=_dynamic(example))
    return program_to_onnx(program, names)


def program_to_onnx(program: torch.export.ExportedProgram, names: tuple[str, ...] = ("x",)) -> onnx.ModelProto:
    with quiet(), torch.no_grad():
        exported = torch.onnx.export(
            program, (), dynamo=True, opset_version=OPSET, input_names=list(names), verbose=False, optimize=True
        )
    assert exported is not None
    return exported.model_proto


def script_to_onnx(script: torch.jit.ScriptModule, example: torch.Tensor) -> onnx.ModelProto:
    """By torch's older exporter: the newer one takes no TorchScript."""
    buffer = io.BytesIO()
    with quiet(), torch.no_grad():
        torch.onnx.export(
            script, (example,), buffer,  # type: ignore[arg-type]
            dynamo=False, opset_version=OPSET, input_names=["x"],
            dynamic_axes={"x": {0: "N"}},
        )  # fmt: skip
    return onnx.load_model_from_string(buffer.getvalue())


def _dynamic(example: tuple) -> tuple:
    return tuple(
        _dynamic(each) if isinstance(each, tuple) else {0: torch.export.Dim.DYNAMIC} if each.ndim else None
        for each in example
    )


def run(module: torch.nn.Module, *inputs: np.ndarray) -> list[np.ndarray]:
    """Forward pass on arrays; outputs as a flat list of arrays."""
    with torch.no_grad():
        outputs = module(*(torch.from_numpy(array) for array in inputs))
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [output.numpy() for output in outputs]
