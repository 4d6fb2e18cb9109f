"""The smiling network: a convolutional network in Keras 3 (on PyTorch), about 35 million multiply-adds."""

import keras
from keras import layers

from zoo.lessons import GRID

FEATURES, PLACE = "features", "place"


def create_network() -> keras.Model:
    """Grey float32 [N, 128, 128, 1] in [0, 1] to the probability of smiling, float32 [N, 1].

    The layer named `PLACE` says where the face is, float32 [N, 64, 1], 1 in sum over the grid; the layer named
    `FEATURES` gives the features there, float32 [N, 96].
    """
    image = keras.Input((128, 128, 1))
    cells = layers.Reshape((GRID * GRID, 96))(_extract(image))
    place = layers.Softmax(axis=1, name=PLACE)(layers.Dense(1)(cells))
    features = layers.Flatten(name=FEATURES)(layers.Dot(axes=1)([place, cells]))
    smiling = layers.Dense(1, activation="sigmoid", name="smiling")(layers.Dropout(0.3)(features))
    return keras.Model(image, smiling, name="smiling")


def _extract(image: keras.KerasTensor) -> keras.KerasTensor:
    """Features [N, 8, 8, 96]."""
    features = _convolve(image, 16, kernel=5, stride=2)
    for filters, stride in ((32, 2), (32, 1), (48, 2), (64, 1), (96, 2), (96, 1)):
        features = _convolve(features, filters, stride=stride)
    return features


def _convolve(features: keras.KerasTensor, filters: int, kernel: int = 3, stride: int = 1) -> keras.KerasTensor:
    convolved = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(features)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(convolved))
