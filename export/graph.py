"""The graph around a network: UINT8 RGB pixels in, the contract's outputs out, normalisation folded in once."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.errors import CheckpointError
from export.frameworks import Layout, Source
from export.manifest import Activation, Channels, Model, Task

IR_VERSION = 8  # what ONNX Runtime 1.19 (Triton 24.10) and older readers take
PIXELS = "pixels"  # how the names of the nodes that normalise begin
LUMA = np.array([[0.299], [0.587], [0.114]], dtype=np.float32)  # ITU-R BT.601, as Pillow's and OpenCV's grey
# One sigmoid unit p becomes the probabilities of two labels: p * [-1, 1] + [1, 0].
PAIR: list[tuple] = [
    ("Mul", [("pair_scale", np.array([-1, 1], dtype=np.float32))], {}),
    ("Add", [("pair_bias", np.array([1, 0], dtype=np.float32))], {}),
]


def wrap(source: Source, model: Model) -> onnx.ModelProto:
    """The network with input IMAGES UINT8 [N,H,W,3] RGB and outputs by task:

    classification PROBABILITIES FP32 [N,labels]; caption TOKENS INT32 [N,T], SCORE FP32 [N,1];
    detection PREDICTIONS FP32 [N,…] as the head gives them.
    """
    network = onnx.ModelProto()
    network.CopyFrom(source.network)
    network.ir_version = IR_VERSION
    _fold_pixels(network.graph, source.layout, model)
    if model.task is Task.CLASSIFICATION:
        _finish(network.graph, model, "PROBABILITIES", _probabilities(model))
    elif model.task is Task.DETECTION:
        _finish(network.graph, model, "PREDICTIONS", [])
    del network.metadata_props[:]
    for field in ("producer_version", "doc_string"):
        network.ClearField(field)
    network.producer_name = "export"
    _forget_origin(network.graph)
    onnx.checker.check_model(network, full_check=False)
    return network


def _forget_origin(graph: onnx.GraphProto) -> None:
    """Without the exporter's notes of source lines: the same checkpoint gives the same bytes on every machine."""
    del graph.metadata_props[:]
    graph.ClearField("doc_string")
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.node):
        del value.metadata_props[:]
        value.ClearField("doc_string")
    for attribute in (each for node in graph.node for each in node.attribute):
        for inner in (attribute.g, *attribute.graphs):
            if inner.node:
                _forget_origin(inner)


def _fold_pixels(graph: onnx.GraphProto, layout: Layout, model: Model) -> None:
    """Put cast, channel order, normalisation and layout in front of the network's float input."""
    (entry,) = [tensor for tensor in graph.input if tensor.name not in {init.name for init in graph.initializer}]
    scale, bias = constants(model)
    steps = [("Cast", [], {"to": TensorProto.FLOAT}), *_channel_step(model.pixels.channels)]
    steps += [("Mul", [("scale", scale)], {}), ("Add", [("bias", bias)], {})]
    if layout is Layout.NCHW:
        steps.append(("Transpose", [], {"perm": [0, 3, 1, 2]}))
    nodes = _chain(graph, "IMAGES", steps, PIXELS)
    nodes[-1].output[0] = entry.name
    rest = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes + rest)
    shape: list[str | int | None] = ["N", model.geometry.height, model.geometry.width, 3]
    graph.input.append(helper.make_tensor_value_info("IMAGES", TensorProto.UINT8, shape))


def constants(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """(pixel / divide - mean) / std as scale and bias FP32 [channels]: pixel * scale + bias."""
    mean, std = (
        np.broadcast_to(np.array(values), model.pixels.channels.depth)
        for values in (model.pixels.mean, model.pixels.std)
    )
    return (1 / (model.pixels.divide * std)).astype(np.float32), (-mean / std).astype(np.float32)


def _channel_step(channels: Channels) -> list[tuple]:
    if channels is Channels.GREY:
        return [("MatMul", [("luma", LUMA)], {})]
    if channels is Channels.BGR:
        return [("Gather", [("bgr", np.array([2, 1, 0], dtype=np.int64))], {"axis": 3})]
    return []


def _probabilities(model: Model) -> list[tuple]:
    """Steps from the last layer to one probability per label."""
    assert model.labels is not None
    if model.activation is Activation.SOFTMAX:
        return [("Softmax", [], {"axis": -1})]
    return [("Sigmoid", [], {})] if model.activation is Activation.SIGMOID else []


def _finish(graph: onnx.GraphProto, model: Model, name: str, steps: list[tuple]) -> None:
    """Put the steps behind the served output and give it its name; other outputs go."""
    served = next((output for output in graph.output if output.name == model.output), graph.output[0])
    dims = served.type.tensor_type.shape.dim
    if model.task is Task.CLASSIFICATION and dims[-1].dim_value == 1:
        steps = [*steps, *PAIR]
    nodes = _chain(graph, served.name, [*steps, ("Identity", [], {})], "served")
    nodes[-1].output[0] = name
    graph.node.extend(nodes)
    shape: list[str | int | None] = (
        ["N", len(model.labels or [])] if name == "PROBABILITIES" else ["N", *[None] * (len(dims) - 1)]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def _chain(graph: onnx.GraphProto, first: str, steps: list[tuple], prefix: str) -> list[onnx.NodeProto]:
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


def normalise(images: np.ndarray, model: Model, layout: Layout) -> np.ndarray:
    """The same in numpy, as the manifest's words say it: what the framework's own network is fed for comparison."""
    pixels = images.astype(np.float32)
    if model.pixels.channels is Channels.GREY:
        pixels = pixels @ LUMA
    elif model.pixels.channels is Channels.BGR:
        pixels = pixels[..., ::-1]
    pixels = (pixels / model.pixels.divide - np.array(model.pixels.mean)) / np.array(model.pixels.std)
    pixels = pixels.transpose(0, 3, 1, 2) if layout is Layout.NCHW else pixels
    return np.ascontiguousarray(pixels, dtype=np.float32)


def check_labels(outputs: list[np.ndarray], model: Model) -> None:
    """A classifier has one unit per label, or one for two labels.

    Raises:
        CheckpointError: names both counts.
    """
    assert model.labels is not None
    units = outputs[0].shape[-1]
    if outputs[0].ndim != 2 or (units != len(model.labels) and (units, len(model.labels)) != (1, 2)):
        raise CheckpointError(
            f"{model.checkpoint}: gives {outputs[0].shape[1:]} values per picture, labels of {model.name} "
            f"name {len(model.labels)}; correct labels or output"
        )
