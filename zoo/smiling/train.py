"""Trains the smiling network: `python -m zoo.smiling.train --faces FOLDER`."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from collections.abc import Iterator

import keras
import torch
from torch import Tensor

from zoo.faces import Face
from zoo.smiling.network import create_network
from zoo.training import CHECKPOINTS, Batch, balance, draw_batches, parse_arguments, prepare, smooth

STEPS_PER_EPOCH = 100


def main() -> None:
    """Trains and writes the model in Keras' legacy HDF5 format."""
    arguments = parse_arguments(__doc__, steps=3000, checkpoint=CHECKPOINTS / "smiling.h5")
    faces = prepare(arguments)
    keras.utils.set_random_seed(arguments.seed)
    model = create_network()
    model.compile(create_optimizer(arguments.steps), loss="binary_crossentropy")
    batches = draw_batches(arguments.faces, faces, grey=True, seed=arguments.seed)
    epochs = arguments.steps // STEPS_PER_EPOCH
    model.fit(label_batches(batches, faces), epochs=epochs, steps_per_epoch=STEPS_PER_EPOCH, verbose=2)
    model.save(arguments.output)


def create_optimizer(steps: int) -> keras.Optimizer:
    """AdamW with warm-up and cosine decay; the model ends with the moving average of its weights."""
    rate = keras.optimizers.schedules.CosineDecay(1e-4, steps, warmup_target=3e-3, warmup_steps=steps // 8)
    return keras.optimizers.AdamW(rate, weight_decay=0.02, clipnorm=2.0, use_ema=True, ema_momentum=0.995)


def label_batches(batches: Iterator[Batch], faces: list[Face]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Pictures float32 [N, 128, 128, 1], smoothed labels [N, 1] and weights [N] that balance the two classes."""
    happy = [face.smiling for face in faces]
    labels, weights = smooth(torch.tensor(happy)), balance(happy)
    for batch in batches:
        yield batch.pictures.permute(0, 2, 3, 1), labels[batch.indices, None], weights[batch.indices]


if __name__ == "__main__":
    main()
