"""Operators in a row: what is put before and behind a network in its graph."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Step = tuple[str, list[tuple[str, np.ndarray]], dict[str, Any]]  # operator, [(constant's name, array)], attributes


def chain(graph: onnx.GraphProto, first: str, steps: list[Step], prefix: str) -> list[onnx.NodeProto]:
    """Nodes one behind the other; each step is (operator, [(constant's name, array)], attributes)."""
    nodes: list[onnx.NodeProto] = []
    last = first
    for operator, constants, attributes in steps:
        names = [f"{prefix}/{name}" for name, _ in constants]
        graph.initializer.extend(numpy_helper.from_array(array, f"{prefix}/{name}") for name, array in constants)
        nodes.append(
            helper.make_node(
                operator, [last, *names], [f"{prefix}/{len(nodes)}"], f"{prefix}/{len(nodes)}", **attributes
            )
        )
        last = nodes[-1].output[0]
    return nodes


def count_units(output: onnx.ValueInfoProto) -> int:
    """Numbers per picture in an output [N, units]; 0 where they vary, or it has other dimensions."""
    dims = output.type.tensor_type.shape.dim
    return dims[-1].dim_value if len(dims) == 2 else 0


def finish(
    graph: onnx.GraphProto, served: onnx.ValueInfoProto, steps: list[Step], name: str, dims: list[int | None]
) -> None:
    """Put the steps behind an output and give it its name, as FP32 [N,*dims]; the other outputs go."""
    cast: Step = ("Cast", [], {"to": TensorProto.FLOAT})  # half precision may come out of a network
    nodes = chain(graph, served.name, [*steps, cast], "served")
    nodes[-1].output[0] = name
    graph.node.extend(nodes)
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *dims]))


# What hands values on as they are, and the addition of a bias, which belongs to the product before it.
PASSING = {"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze"}


def last_operators(graph: onnx.GraphProto, output: str, count: int = 2) -> list[str]:
    """The operators that make an output, the last one first; empty texts where there are none."""
    makers = {name: node for node in graph.node if node.op_type != "Constant" for name in node.output}
    found: list[str] = []
    while len(found) < count and (node := makers.get(output)):
        is_bias = node.op_type == "Add" and any(
            made.op_type == "MatMul" for name in node.input if (made := makers.get(name))
        )
        if node.op_type not in PASSING and not is_bias:
            found.append(node.op_type)
        output = next((name for name in node.input if name in makers), "")
    return [*found, *[""] * count][:count]
