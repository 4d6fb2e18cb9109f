"""Writes `.h5` files as Keras 2 wrote them, layer by layer, for tests: Keras 3 itself cannot."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Weights = list[tuple[str, tuple[int, ...]]]  # name and shape of each
Layers = list[tuple[str, dict[str, Any], Weights]]  # class, config, weights

ENTRY = """
[models.{name}]
task = "classification"
framework = "keras"
checkpoint = "{name}.h5"
labels = {labels}
geometry = {{ mode = "stretch", width = {width}, height = {height} }}
pixels = {pixels}
"""


def sequential_layers() -> Layers:
    """Grey 20x12 to one sigmoid unit."""
    return [
        ("Conv2D", {"batch_input_shape": [None, 12, 20, 1], "filters": 4, "kernel_size": [3, 3], "padding": "same",
                    "activation": "relu"}, [("kernel:0", (3, 3, 1, 4)), ("bias:0", (4,))]),
        ("SeparableConv2D", {"filters": 5, "kernel_size": [3, 3], "groups": 1, "kernel_initializer": None},
         [("depthwise_kernel:0", (3, 3, 4, 1)), ("pointwise_kernel:0", (1, 1, 4, 5)), ("bias:0", (5,))]),
        ("BatchNormalization", {"axis": [3]},
         [(f"{name}:0", (5,)) for name in ("gamma", "beta", "moving_mean", "moving_variance")]),
        ("Dropout", {"rate": 0.4}, []),
        ("Flatten", {"data_format": "channels_last"}, []),
        ("Dense", {"units": 1, "activation": "sigmoid"}, [("kernel:0", (900, 1)), ("bias:0", (1,))]),
    ]  # fmt: skip


def write_sequential(folder: Path) -> str:
    """Keras 2.2 names the input in the first layer; pixels in [-1,1]. Gives the manifest's entry."""
    layers = sequential_layers()
    listed = [_layer(kind, config) for kind, config, _ in layers]
    write(folder / "old.h5", "2.2.2", "Sequential", {"name": "sequential", "layers": listed}, layers)
    return ENTRY.format(
        name="old",
        labels=["no", "yes"],
        width=20,
        height=12,
        pixels='{ channels = "grey", divide = 127.5, mean = [1] }',
    )


def write_functional(folder: Path) -> str:
    """Keras 2.0.5, colour 16x16, two branches that are added, softmax over three classes. Gives the entry."""
    convolution: Weights = [("kernel:0", (3, 3, 3, 4)), ("bias:0", (4,))]
    layers: Layers = [
        ("InputLayer", {"batch_input_shape": [None, 16, 16, 3], "dtype": "float32", "sparse": False}, []),
        ("Conv2D", {"filters": 4, "kernel_size": [3, 3], "activation": "relu"}, convolution),
        ("Conv2D", {"filters": 4, "kernel_size": [3, 3], "activation": "linear"}, convolution),
        ("Add", {}, []),
        ("GlobalAveragePooling2D", {"data_format": "channels_last"}, []),
        ("Dense", {"units": 3, "activation": "softmax"}, [("kernel:0", (4, 3)), ("bias:0", (3,))]),
    ]
    inputs: list[list[int]] = [[], [0], [0], [1, 2], [3], [4]]
    listed = [
        {**_layer(kind, config), "name": config["name"],
         "inbound_nodes": [[[layers[index][1]["name"], 0, 0, {}] for index in before]] if before else []}
        for (kind, config, _), before in zip(_named(layers), inputs, strict=True)
    ]  # fmt: skip
    ends = {"input_layers": [["inputlayer_0", 0, 0]], "output_layers": [["dense_5", 0, 0]]}
    write(folder / "older.h5", "2.0.5", "Model", {"name": "model_1", "layers": listed, **ends}, layers)
    return ENTRY.format(name="older", labels=["a", "b", "c"], width=16, height=16, pixels="{ divide = 255 }")


def write(path: Path, version: str, kind: str, config: dict[str, Any], layers: Layers) -> None:
    """The file, with seeded weights."""
    arrays = iter(draw_weights(layers))
    with h5py.File(path, "w") as file:
        file.attrs.update(keras_version=version, backend="tensorflow")
        file.attrs["model_config"] = json.dumps({"class_name": kind, "config": config})
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([config["name"].encode() for _, config, _ in _named(layers)])
        for _, config, weights in _named(layers):
            layer = group.create_group(config["name"])
            names = [f"{config['name']}/{name}" for name, _ in weights]
            layer.attrs["weight_names"] = np.array([name.encode() for name in names])
            for name in names:
                layer[name] = next(arrays)


def draw_weights(layers: Layers) -> list[np.ndarray]:
    """FP32 arrays in the layers' order; variances are positive."""
    random = np.random.default_rng(5)
    drawn = [
        (name, random.normal(0, 0.3, shape).astype(np.float32)) for _, _, weights in layers for name, shape in weights
    ]
    return [np.abs(array) + 0.5 if "variance" in name else array for name, array in drawn]


def _named(layers: Layers) -> Layers:
    """The layers, each with a name in its config."""
    for index, (kind, config, _) in enumerate(layers):
        config.setdefault("name", f"{kind.lower()}_{index}")
    return layers


def _layer(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": kind, "config": {"trainable": True, **config}}
