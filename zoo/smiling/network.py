"""The network of `smiling` in Keras: that of `emotion` (npm @vladmandic/human), a small Xception, with one output.

Its batch normalisations are folded into the convolutions, as the package has them.
"""

import json
from pathlib import Path

import keras
import numpy as np
from keras import KerasTensor
from keras.layers import Add, Conv2D, Dense, GlobalAveragePooling2D, Layer, MaxPooling2D, ReLU, SeparableConv2D

from zoo.smiling.teachers import EMOTIONS, HAPPY
from zoo.tfjs import read_weights

SIDE = 64
# The package's names: the prefix of most, and the depthwise kernels, which have none.
PREFIX, DEPTHWISE = "StatefulPartitionedCall/model_1", ("unknown_9", "unknown_15", "unknown_26", "unknown_32")


def create_network(path: Path) -> keras.Model:
    """Grey FP32 [N,SIDE,SIDE,1] in [-1,1] to the probability of smiling [N,1], from `emotion.json`'s weights: happy
    against the other six emotions."""
    images = keras.Input((SIDE, SIDE, 1))
    features = ReLU()(Conv2D(32, 3, strides=2, name="conv2d_1")(images))
    features = ReLU()(Conv2D(64, 3, name="conv2d_2")(features))
    features = reduce(features, features, 128, 1)
    features = reduce(ReLU()(features), features, 256, 3)
    features = GlobalAveragePooling2D()(Conv2D(EMOTIONS, 3, padding="same", name="emotions")(features))
    network = keras.Model(images, Dense(1, activation="sigmoid", name="smiling")(features))
    for name, weights in read_emotion(path).items():
        network.get_layer(name).set_weights(weights)
    return network


def reduce(features: KerasTensor, shortcut: KerasTensor, channels: int, number: int) -> KerasTensor:
    """Two separable convolutions and a pooling, beside a convolution of the shortcut."""
    first, second = (separable(channels, number + index) for index in range(2))
    pooled = MaxPooling2D(3, strides=2, padding="same")(second(ReLU()(first(features))))
    beside = Conv2D(channels, 1, strides=2, padding="same", name=f"conv2d_{3 + number // 2}")
    return Add()([pooled, beside(shortcut)])


def separable(channels: int, number: int) -> Layer:
    return SeparableConv2D(channels, 3, padding="same", name=f"separable_conv2d_{number}")


def read_emotion(path: Path) -> dict[str, list[np.ndarray]]:
    """The weights of each layer, by its name."""
    stored = read_weights(path, json.loads(path.read_text())["weightsManifest"])
    layers = {"emotions": [stored["unknown_43"], stored["unknown_44"]]}
    for number in range(1, 5):
        kind = f"conv2d_{number}/Conv2D"
        layers[f"conv2d_{number}"] = [stored[f"{PREFIX}/{kind}_weights"], stored[f"{PREFIX}/{kind}_bn_offset"]]
        kind = f"separable_conv2d_{number}/separable_conv2d"
        pointwise, bias = stored[f"{PREFIX}/{kind}_weights"], stored[f"{PREFIX}/{kind}_bn_offset"]
        layers[f"separable_conv2d_{number}"] = [stored[DEPTHWISE[number - 1]], pointwise, bias]
    smiling = np.full((EMOTIONS, 1), -1 / (EMOTIONS - 1), np.float32)
    smiling[HAPPY] = 1
    return layers | {"smiling": [smiling, np.zeros(1, np.float32)]}
