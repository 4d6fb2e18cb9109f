"""Weights in half the bytes."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST = 1024  # numbers; smaller tensors are not worth a node


def store_half(graph: onnx.GraphProto) -> None:
    """Store FP32 weights as FP16. A Cast makes them FP32 again, once, when the network is loaded."""
    for tensor in [each for each in graph.initializer if each.data_type == TensorProto.FLOAT]:
        values = numpy_helper.to_array(tensor)
        if values.size >= SMALLEST and np.abs(values).max() <= np.finfo(np.float16).max:
            stored = numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}/half")
            graph.node.insert(0, helper.make_node("Cast", [stored.name], [tensor.name], to=TensorProto.FLOAT))
            graph.initializer.remove(tensor)
            graph.initializer.append(stored)
    for inner in (each.g for node in graph.node for each in node.attribute if each.HasField("g")):
        store_half(inner)
