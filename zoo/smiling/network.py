"""The smiling network in Keras 3 (on PyTorch): finds the face, looks at it closely, judges the expression.

All of it is standard layers, so that the legacy HDF5 format holds it and any Keras loads it.
"""

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from zoo.lessons import GRID

SIZE, CROP = 128, 64
# The crop's half side, in half sides of the face.
FIELD = 1.4
# Width of the Gaussian that reads the crop's pixels from the picture, in pixels of the crop.
BLUR = 0.7
FINDER, PLACE, HALF_SIDE, CLOSE_UP, FEATURES = "finder", "place", "log_half_side", "close_up", "features"


def create_network() -> keras.Model:
    """Grey float32 [N, 128, 128, 1] in [0, 1] to the probability of smiling, float32 [N, 1].

    The layer `PLACE` says where the face is, float32 [N, 64, 1], 1 in sum over the grid; `HALF_SIDE` the logarithm of
    half its side, float32 [N, 1], in half sides of the picture; `CLOSE_UP` gives the face, float32 [N, 64, 64, 1].
    """
    image = keras.Input((SIZE, SIZE, 1))
    centre, log_half_side = _find(image)
    features = _describe(_look_closely(image, centre, log_half_side))
    smiling = layers.Dense(1, activation="sigmoid", name="smiling")(layers.Dropout(0.5)(features))
    network = keras.Model(image, smiling, name="smiling")
    for name, weights in _list_fixed_weights().items():
        network.get_layer(name).set_weights(weights)
    return network


def _find(image: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Centre (x, y) [N, 2] in [-1, 1], and the logarithm of half the face's side [N, 1]."""
    features = layers.AveragePooling2D(2)(image)
    for number, (filters, stride) in enumerate(((16, 2), (32, 2), (32, 1), (48, 2), (64, 1))):
        features = _convolve(features, filters, stride, f"{FINDER}_{number}")
    cells = layers.Reshape((GRID * GRID, 64))(features)
    place = layers.Softmax(axis=1, name=PLACE)(layers.Dense(1, name=f"{FINDER}_place")(cells))
    centre = layers.Dense(2, use_bias=False, trainable=False, name="centre")(layers.Flatten()(place))
    at_place = layers.Flatten()(layers.Dot(axes=1)([place, cells]))
    return centre, layers.Dense(1, name=HALF_SIDE)(at_place)


def _look_closely(
    image: keras.KerasTensor, centre: keras.KerasTensor, log_half_side: keras.KerasTensor
) -> keras.KerasTensor:
    """The face, resampled to [N, 64, 64, 1] and brought to the same brightness and contrast."""
    scale = layers.Activation("exponential")(layers.Rescaling(-1.0, offset=-np.log(FIELD))(log_half_side))
    across, down = (_read_along(axis, centre, scale) for axis in ("x", "y"))
    picture = layers.Reshape((SIZE, SIZE))(image)
    rows = layers.Dot(axes=(1, 1))([picture, down])
    crop = layers.Reshape((CROP, CROP, 1))(layers.Dot(axes=(1, 1))([rows, across]))
    return layers.LayerNormalization(axis=[1, 2, 3], center=False, scale=False, epsilon=1e-4, name=CLOSE_UP)(crop)


def _read_along(axis: str, centre: keras.KerasTensor, scale: keras.KerasTensor) -> keras.KerasTensor:
    """How much each of the picture's pixels counts in each of the crop's, along one axis, [N, 128, 64]."""
    from_centre = layers.Dense(SIZE, trainable=False, name=f"from_centre_{axis}")(centre)
    in_crop = layers.Reshape((SIZE, 1))(layers.Multiply()([from_centre, scale]))
    distance = layers.Dense(CROP, trainable=False, name=f"distance_{axis}")(in_crop)
    squared = layers.Multiply()([distance, distance])
    return layers.Softmax(axis=1)(layers.Rescaling(-0.5 * (CROP / 2 / BLUR) ** 2)(squared))


def _describe(crop: keras.KerasTensor) -> keras.KerasTensor:
    """Features of the close-up, [N, 128]."""
    features = crop
    for number, (filters, stride) in enumerate(
        ((24, 1), (32, 2), (48, 1), (64, 2), (64, 1), (96, 2), (96, 1), (128, 2))
    ):
        features = _convolve(features, filters, stride, f"face_{number}")
    features = layers.Dropout(0.3)(layers.Flatten()(features))
    return layers.Dense(128, activation="relu", name=FEATURES)(features)


def _convolve(features: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
    convolved = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False, name=f"{name}_convolution")(features)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95, name=f"{name}_norm")(convolved))


def _list_fixed_weights() -> dict[str, list[NDArray[np.float32]]]:
    """Weights that are geometry and not learned, by layer."""
    cells, pixels, places = (_list_centres(count) for count in (GRID, SIZE, CROP))
    grid = np.stack([np.tile(cells, GRID), np.repeat(cells, GRID)], axis=1)
    across, down = np.zeros((2, 2, SIZE), np.float32)
    across[0], down[1] = -1, -1
    distance = [np.ones((1, CROP), np.float32), -places]
    return {
        "centre": [grid],
        "from_centre_x": [across, pixels],
        "from_centre_y": [down, pixels],
        "distance_x": distance,
        "distance_y": distance,
    }


def _list_centres(count: int) -> NDArray[np.float32]:
    """Centres of `count` equal parts of [-1, 1]."""
    return ((np.arange(count, dtype=np.float32) + 0.5) / count * 2 - 1).astype(np.float32)
