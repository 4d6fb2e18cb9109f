"""Weights in half the bytes, or in a quarter of them; the network computes in FP32 all the same."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from export.entry import Weights
from export.nodes import Step, chain

SMALLEST = 1024  # numbers; smaller tensors are not worth a node
LARGE = 16_384  # numbers; int8 halves smaller ones: they hold few of the bytes, and the narrow layers that suffer most
CAST: Step = ("Cast", [], {"to": TensorProto.FLOAT})
Stored = tuple[str, np.ndarray, list[Step]]  # what to call it, the numbers, and the steps back to FP32


def store(graph: onnx.GraphProto, weights: Weights) -> None:
    """Store large FP32 weights in fewer bytes, and so those that the checkpoint has in FP16 and casts.

    The steps back have constants alone as inputs, so ONNX Runtime computes them once, when the network is loaded.
    """
    if weights is not Weights.FP32:
        _widen(graph)
    for tensor in [each for each in graph.initializer if each.data_type == TensorProto.FLOAT]:
        values = numpy_helper.to_array(tensor)
        if values.size >= SMALLEST and (stored := WAYS[weights](values)):
            name, numbers, steps = stored
            graph.initializer.remove(tensor)
            nodes = chain(graph, f"{tensor.name}/{name}", steps, tensor.name)
            nodes[-1].output[0] = tensor.name
            graph.initializer.append(numpy_helper.from_array(numbers, f"{tensor.name}/{name}"))
            for node in reversed(nodes):
                graph.node.insert(0, node)
    for inner in (each.g for node in graph.node for each in node.attribute if each.HasField("g")):
        store(inner, weights)


def _widen(graph: onnx.GraphProto) -> None:
    """FP16 constants that a node casts to FP32, as FP32 constants."""
    halves, widened = {each.name: each for each in graph.initializer if each.data_type == TensorProto.FLOAT16}, set()
    for node in list(graph.node):
        if node.op_type == "Cast" and node.input[0] in halves and node.attribute[0].i == TensorProto.FLOAT:
            values = numpy_helper.to_array(halves[node.input[0]]).astype(np.float32)
            graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
            graph.node.remove(node)
            widened.add(node.input[0])
    for name in widened - set(_list_inputs(graph)):
        graph.initializer.remove(halves[name])


def _list_inputs(graph: onnx.GraphProto) -> Iterator[str]:
    """What the nodes take, those of inner graphs too."""
    for node in graph.node:
        yield from node.input
        for inner in (each.g for each in node.attribute if each.HasField("g")):
            yield from _list_inputs(inner)


def _halve(values: np.ndarray) -> Stored | None:
    """FP16, where it can hold the values."""
    if np.abs(values).max() > np.finfo(np.float16).max:
        return None
    return "half", values.astype(np.float16), [CAST]


def _quantise(values: np.ndarray) -> Stored | None:
    """INT8 with a scale per channel, symmetric. Vectors are halved: a bias has one number per channel."""
    if values.size < LARGE or np.squeeze(values).ndim < 2:
        return _halve(values)
    scale = min((_scale(values, axis) for axis in range(values.ndim)), key=lambda each: _loss(values, each))
    return "int8", np.rint(values / scale).astype(np.int8), [CAST, ("Mul", [("scale", scale)], {})]


def _scale(values: np.ndarray, axis: int) -> np.ndarray:
    """FP32, one number per channel along `axis`, in a shape that broadcasts."""
    others = tuple(each for each in range(values.ndim) if each != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    return np.maximum(largest / 127, np.finfo(np.float32).tiny)


def _loss(values: np.ndarray, scale: np.ndarray) -> float:
    """Sum of the squared errors. Operators differ in which axis their output channels are; it is the one that loses
    least, as channels are what weights differ by."""
    return float(np.square(np.rint(values / scale) * scale - values).sum())


WAYS = {Weights.FP32: lambda values: None, Weights.FP16: _halve, Weights.INT8: _quantise}
