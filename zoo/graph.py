"""An ONNX graph that is written node by node."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
LARGE = 1024  # elements from which half precision is worth a cast

Value = str | np.ndarray | np.generic | float


class Graph:
    """Values are names; arrays and numbers that are given in their place become constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.count = 0

    def input(self, name: str, sides: Sequence[int]) -> str:
        """FLOAT [N, *sides]."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *sides]))
        return name

    def constant(self, value: np.ndarray | np.generic | float) -> str:
        array = np.float32(value) if isinstance(value, float) else value
        self.constants.append(
            numpy_helper.from_array(np.ascontiguousarray(array).reshape(np.shape(array)), self._name())
        )
        return self.constants[-1].name

    def add(self, operator: str, *inputs: Value, **attributes: Any) -> str:
        """Name of the one output of a new node."""
        return self._node(operator, inputs, 1, attributes)[0]

    def split(self, value: Value, sizes: np.ndarray, axis: int) -> list[str]:
        return self._node("Split", (value, sizes), len(sizes), {"axis": axis})

    def halve_batch(self, value: str) -> list[str]:
        """The first and the second half of an even batch."""
        return self._node("Split", (value,), 2, {"axis": 0, "num_outputs": 2})

    def finish(
        self, value: str, name: str, sides: Sequence[int], labels: Sequence[str] = (), halve: bool = False
    ) -> onnx.ModelProto:
        """The network with the one output `name`, FLOAT [N, *sides]; `halve` stores large weights in half precision.

        `labels` go into the metadata, as ultralytics writes them.
        """
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        casts = self._halve() if halve else []
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *sides])
        graph = helper.make_graph([*casts, *self.nodes], "network", self.inputs, [output], self.constants)
        network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        if labels:
            helper.set_model_props(network, {"names": str(dict(enumerate(labels)))})
        onnx.checker.check_model(network, full_check=True)
        return network

    def _node(self, operator: str, inputs: Sequence[Value], outputs: int, attributes: dict[str, Any]) -> list[str]:
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        results = [self._name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(operator, names, results, **attributes))
        return results

    def _halve(self) -> list[onnx.NodeProto]:
        """Casts back to FLOAT, which ONNX Runtime does once, when it loads the network."""
        casts = []
        for tensor in self.constants:
            array = numpy_helper.to_array(tensor)
            if array.dtype == np.float32 and array.size >= LARGE:
                name, tensor.name = tensor.name, f"{tensor.name}_half"
                tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), tensor.name))
                casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
        return casts

    def _name(self) -> str:
        self.count += 1
        return f"value_{self.count}"
