"""The smiling network: a convolutional network in Keras 3 (on PyTorch), about 25 million multiply-adds."""

import keras
from keras import layers


def create_network() -> keras.Model:
    """Grey float32 [N, 128, 128, 1] in [0, 1] to the probability of smiling, float32 [N, 1]."""
    return keras.Sequential(
        [
            keras.Input((128, 128, 1)),
            *_convolve(16, kernel=5, stride=2),
            *_convolve(24),
            layers.MaxPooling2D(),
            *_convolve(32),
            *_convolve(32),
            layers.MaxPooling2D(),
            *_convolve(64),
            *_convolve(64),
            layers.MaxPooling2D(),
            *_convolve(96),
            layers.GlobalMaxPooling2D(),
            layers.Dropout(0.4),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="smiling",
    )


def _convolve(filters: int, kernel: int = 3, stride: int = 1) -> list[layers.Layer]:
    return [
        layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=0.95),
        layers.ReLU(),
    ]
