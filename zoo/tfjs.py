"""A TensorFlow.js graph model (model.json and its .bin) to ONNX: the operators that small vision networks are made of.

The input is NCHW with a free batch. Other values keep TensorFlow's layout, NHWC; ONNX Runtime removes the transposes
around convolutions.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zoo.graph import Graph

FLOATS = {"float32": np.float32, "int32": np.int32, "uint8": np.uint8, "float16": np.float16}
CHANNELS = (1, 3)
PADS = ("Pad", "PadV2")

Prepare = Callable[[Graph, str], str]


def load_graph(
    path: Path, prepare: Prepare = lambda _graph, images: images
) -> tuple[Graph, dict[str, tuple[int, ...]]]:
    """The network's graph, its one input `images` added, and its outputs by name with their shapes behind the batch.

    `prepare` adds what happens to the images before the network sees them.
    """
    network = Converter(path, prepare)
    return network.graph, {network.convert(name): shape for name, shape in network.outputs.items()}


class Converter:
    """Node by node from an output back to the input; every node is added once."""

    def __init__(self, path: Path, prepare: Prepare) -> None:
        self.prepare = prepare
        model = json.loads(path.read_text())
        self.graph = Graph()
        self.nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
        self.weights = read_weights(path, model["weightsManifest"])
        self.converted: dict[str, list[str]] = {}
        signature = model.get("signature") or model["userDefinedMetadata"]["signature"]
        self.outputs = {
            output["name"].removesuffix(":0"): tuple(int(side["size"]) for side in output["tensorShape"]["dim"][1:])
            for output in signature["outputs"].values()
        }

    def convert(self, reference: str) -> str:
        """Name of the ONNX value of `node` or `node:index`."""
        name, _, index = reference.partition(":")
        if name not in self.converted:
            values = self._node(self.nodes[name])
            self.converted[name] = values if isinstance(values, list) else [values]
        return self.converted[name][int(index or 0)]

    def constant(self, reference: str) -> np.ndarray:
        """Value of a node that does not depend on the input."""
        node = self.nodes[reference]
        if node["op"] == "Const":
            return self.weights[reference]
        if node["op"] == "SparseToDense":
            indices, shape, values, default = (self.constant(name) for name in node["input"])
            dense = np.full(shape, default)
            dense[tuple(indices.T) if indices.ndim == 2 else indices] = values
            return dense
        raise ValueError(f"{reference}: {node['op']} is no constant")

    def _node(self, node: dict[str, Any]) -> str | list[str]:
        if node["op"] not in OPERATORS:
            raise ValueError(f"operator {node['op']} is not known; known are {', '.join(OPERATORS)}")
        return OPERATORS[node["op"]](self, node)

    def placeholder(self, node: dict[str, Any]) -> str:
        _, *sides = (int(side["size"]) for side in node["attr"]["shape"]["shape"]["dim"])
        channels_first = sides[0] in CHANNELS
        images = self.graph.input("images", sides if channels_first else [sides[2], *sides[:2]])
        images = self.prepare(self.graph, images)
        return images if channels_first else self._nhwc(images)

    def fixed(self, node: dict[str, Any]) -> str:
        value = self.constant(node["name"])
        return self.graph.constant(value.astype(np.int64 if value.dtype == np.int32 else np.float32))

    def simple(self, node: dict[str, Any]) -> str:
        operator, attributes = SIMPLE[node["op"]]
        return self.graph.add(operator, *map(self.convert, node["input"]), **attributes)

    def leaky_relu(self, node: dict[str, Any]) -> str:
        return self.graph.add("LeakyRelu", self.convert(node["input"][0]), alpha=node["attr"]["alpha"]["f"])

    def convolution(self, node: dict[str, Any]) -> str:
        kernel = self.constant(node["input"][1]).astype(np.float32)
        depthwise = node["op"].startswith("Depthwise")
        height, width, inputs, _ = kernel.shape
        kernel = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(3, 2, 0, 1)
        kernel = kernel.reshape(-1, 1 if depthwise else inputs, height, width)
        bias = [self.graph.constant(self.constant(name).reshape(-1)) for name in node["input"][2:3]]
        images, padding = self._window(node, outside=0)
        convolved = self.graph.add(
            "Conv", images, self.graph.constant(kernel), *bias,
            strides=_sides(node, "strides"), group=inputs if depthwise else 1, **padding,
        )  # fmt: skip
        for fused in _texts(node, "fused_ops"):
            if fused != "BiasAdd":
                convolved = self.graph.add(fused, convolved)
        return self._nhwc(convolved)

    def max_pool(self, node: dict[str, Any]) -> str:
        sides = {"kernel_shape": _sides(node, "ksize"), "strides": _sides(node, "strides")}
        images, padding = self._window(node, outside=-np.inf)
        return self._nhwc(self.graph.add("MaxPool", images, **sides, **padding))

    def _window(self, node: dict[str, Any], outside: float) -> tuple[str, dict[str, Any]]:
        """What a window slides over, NCHW, and its padding, which fills with `outside`. A Pad before it becomes part
        of it: as a node it keeps ONNX Runtime from the fast layout between two convolutions."""
        source = self._source(node)
        order = [int(axis) for axis in self.constant(source["input"][1])] if source["op"] == "Transpose" else range(4)
        pad = self._source(source) if source["op"] == "Transpose" else source
        if pad["op"] not in PADS or _padding(node) != "VALID":
            return self._nchw(self.convert(node["input"][0])), {"auto_pad": _padding(node)}
        widths, value = self._margins(pad)
        batch, *sides, channels = widths[list(order)]
        if value != outside or batch.any() or channels.any():
            raise ValueError(f"{pad['name']}: a margin of {value} in batch or channels is not known")
        images = self.graph.add("Transpose", self.convert(pad["input"][0]), perm=list(order))
        return self._nchw(images), {"pads": [int(width) for width in np.transpose(sides).flat]}

    def _source(self, node: dict[str, Any]) -> dict[str, Any]:
        return self.nodes[node["input"][0].partition(":")[0]]

    def pad(self, node: dict[str, Any]) -> str:
        widths, value = self._margins(node)
        return self.graph.add("Pad", self.convert(node["input"][0]), widths.T.reshape(-1), value)

    def _margins(self, node: dict[str, Any]) -> tuple[np.ndarray, np.float32]:
        """Of a Pad INT64 [4,2], what is added before and after each dimension, and its value."""
        value = self.constant(node["input"][2]) if node["op"] == "PadV2" else np.zeros(())
        return self.constant(node["input"][1]).astype(np.int64), np.float32(value.reshape(()))

    def mean(self, node: dict[str, Any]) -> str:
        axes = [int(axis) for axis in self.constant(node["input"][1])]
        return self.graph.add("ReduceMean", self.convert(node["input"][0]), np.array(axes, np.int64), keepdims=0)

    def reshape(self, node: dict[str, Any]) -> str:
        shape = [int(side) for side in self._shape(node["input"][1])]
        shape[0] = 0  # as it was: the batch
        return self.graph.add("Reshape", self.convert(node["input"][0]), np.array(shape, np.int64))

    def _shape(self, reference: str) -> np.ndarray:
        """A Reshape's target; TensorFlow Lite's converters write it as a sum."""
        node = self.nodes[reference]
        if node["op"] in ("AddV2", "Add"):
            return self._shape(node["input"][0]) + self._shape(node["input"][1])
        return self.constant(reference)

    def transpose(self, node: dict[str, Any]) -> str:
        order = [int(axis) for axis in self.constant(node["input"][1])]
        return self.graph.add("Transpose", self.convert(node["input"][0]), perm=order)

    def concat(self, node: dict[str, Any]) -> str:
        *parts, axis = node["input"]
        return self.graph.add("Concat", *map(self.convert, parts), axis=int(self.constant(axis)))

    def split(self, node: dict[str, Any]) -> list[str]:
        sizes = self.constant(node["input"][1]).astype(np.int64)
        return self.graph.split(self.convert(node["input"][0]), sizes, axis=int(self.constant(node["input"][2])))

    def resize(self, node: dict[str, Any]) -> str:
        images = self._nchw(self.convert(node["input"][0]))
        batch = self.graph.add("Slice", self.graph.add("Shape", images), np.array([0]), np.array([2]))
        size = self.graph.add("Concat", batch, self.constant(node["input"][1]).astype(np.int64), axis=0)
        centres = "half_pixel" if node["attr"]["half_pixel_centers"]["b"] else "asymmetric"
        resized = self.graph.add("Resize", images, "", "", size, mode="linear", coordinate_transformation_mode=centres)
        return self._nhwc(resized)

    def _nchw(self, value: str) -> str:
        return self.graph.add("Transpose", value, perm=[0, 3, 1, 2])

    def _nhwc(self, value: str) -> str:
        return self.graph.add("Transpose", value, perm=[0, 2, 3, 1])


SIMPLE: dict[str, tuple[str, dict[str, Any]]] = {
    "Identity": ("Identity", {}),
    "Add": ("Add", {}),
    "AddV2": ("Add", {}),
    "Relu": ("Relu", {}),
    "Sigmoid": ("Sigmoid", {}),
    "Softmax": ("Softmax", {"axis": -1}),
}
OPERATORS: dict[str, Callable[[Converter, dict[str, Any]], str | list[str]]] = {
    **dict.fromkeys(SIMPLE, Converter.simple),
    **dict.fromkeys(("Const", "SparseToDense"), Converter.fixed),
    **dict.fromkeys(("Conv2D", "_FusedConv2D", "DepthwiseConv2dNative"), Converter.convolution),
    **dict.fromkeys(PADS, Converter.pad),
    "Placeholder": Converter.placeholder,
    "LeakyRelu": Converter.leaky_relu,
    "MaxPool": Converter.max_pool,
    "Mean": Converter.mean,
    "Reshape": Converter.reshape,
    "Transpose": Converter.transpose,
    "ConcatV2": Converter.concat,
    "SplitV": Converter.split,
    "ResizeBilinear": Converter.resize,
}


def read_weights(path: Path, manifest: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Arrays by name out of the .bin files beside `path`; quantised ones as float32."""
    arrays = {}
    for group in manifest:
        data = b"".join((path.parent / name).read_bytes() for name in group["paths"])
        start = 0
        for weight in group["weights"]:
            quantized = weight.get("quantization", {})
            stored = np.dtype(FLOATS[quantized.get("dtype", weight["dtype"])])
            count = int(np.prod(weight["shape"]))
            array = np.frombuffer(data, stored, count, start).reshape(weight["shape"])
            start += array.nbytes
            if quantized:
                array = array.astype(np.float32) * quantized.get("scale", 1) + quantized.get("min", 0)
            arrays[weight["name"]] = array
    return arrays


def _texts(node: dict[str, Any], attribute: str) -> list[str]:
    values = node["attr"].get(attribute, {}).get("list", {}).get("s", [])
    return [base64.b64decode(value).decode() for value in values]


def _sides(node: dict[str, Any], attribute: str) -> list[int]:
    """Height and width out of a list for all four dimensions."""
    return [int(side) for side in node["attr"][attribute]["list"]["i"][1:3]]


def _padding(node: dict[str, Any]) -> str:
    return {"SAME": "SAME_UPPER", "VALID": "VALID"}[base64.b64decode(node["attr"]["padding"]["s"]).decode()]
