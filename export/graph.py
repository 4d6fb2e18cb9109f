"""The graph around a network: UINT8 RGB pixels in, the contract's outputs out, normalisation folded in once."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.entry import Channels, Model
from export.frameworks.source import Layout, Source
from export.nodes import Step, chain
from export.tasks import TASKS
from export.weights import store

IR_VERSION = 8  # what ONNX Runtime 1.19 (Triton 24.10) and older readers take
PIXELS = "pixels"  # how the names of the nodes that normalise begin
TO_NCHW: Step = ("Transpose", [], {"perm": [0, 3, 1, 2]})
LUMA = np.array([[0.299], [0.587], [0.114]], dtype=np.float32)  # ITU-R BT.601, as Pillow's and OpenCV's grey


def wrap(source: Source, model: Model) -> onnx.ModelProto:
    """The network with input IMAGES UINT8 [N,H,W,3] RGB and the outputs of its task."""
    network = onnx.ModelProto()
    network.CopyFrom(source.network)
    network.ir_version = IR_VERSION
    _fold_pixels(network.graph, source.layout, model)
    TASKS[model.task].finish(network.graph, model)
    del network.metadata_props[:]
    for field in ("producer_version", "doc_string"):
        network.ClearField(field)
    network.producer_name = "export"
    _forget_origin(network.graph)
    store(network.graph, model.weights)
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
    nodes = chain(graph, "IMAGES", _pixel_steps(layout, model), PIXELS)
    nodes[-1].output[0] = entry.name
    rest = list(graph.node)
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes + rest)
    shape: list[str | int | None] = ["N", model.geometry.height, model.geometry.width, 3]
    graph.input.append(helper.make_tensor_value_info("IMAGES", TensorProto.UINT8, shape))


def _pixel_steps(layout: Layout, model: Model) -> list[tuple]:
    """Colours change places as bytes and before they are normalised, so that a number meets a whole plane of pixels:
    ONNX Runtime takes seven times as long for three numbers in turn."""
    scale, bias = constants(model)
    cast: Step = ("Cast", [], {"to": TensorProto.FLOAT})
    if model.pixels.channels is Channels.GREY:
        steps = [cast, ("MatMul", [("luma", LUMA)], {}), *_linear(scale, bias)]
        return steps if layout is Layout.NHWC else [*steps, TO_NCHW]
    turn = [("Gather", [("bgr", np.array([2, 1, 0], dtype=np.int64))], {"axis": layout.value.index("C")})]
    turn = turn if model.pixels.channels is Channels.BGR else []
    if layout is Layout.NHWC:
        return [*turn, cast, *_linear(scale, bias)]
    return [TO_NCHW, *turn, cast, *_linear(scale[:, None, None], bias[:, None, None])]


def _linear(scale: np.ndarray, bias: np.ndarray) -> list[tuple]:
    """pixel * scale + bias, by one number where all colours have the same."""
    scale, bias = (values.reshape(-1)[:1] if np.ptp(values) == 0 else values for values in (scale, bias))
    return [("Mul", [("scale", scale)], {}), ("Add", [("bias", bias)], {})]


def constants(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """(pixel / divide - mean) / std as scale and bias FP32 [channels]: pixel * scale + bias."""
    mean, std = (
        np.broadcast_to(np.array(values), model.pixels.channels.depth)
        for values in (model.pixels.mean, model.pixels.std)
    )
    return (1 / (model.pixels.divide * std)).astype(np.float32), (-mean / std).astype(np.float32)


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
