"""Trains the smiling network: `python -m zoo.smiling.train --faces FOLDER`."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from collections.abc import Iterator

import keras
import torch
from keras import layers
from torch import Tensor

from zoo import CHECKPOINTS
from zoo.faces import POSES, Face
from zoo.lessons import choose_mix, number_poses, spread_heads
from zoo.smiling.network import FEATURES, PLACE, create_network
from zoo.training import Batch, draw_batches, parse_arguments, prepare, smooth

STEPS_PER_EPOCH = 100
Labelled = tuple[Tensor, tuple[Tensor, ...]]


def main() -> None:
    """Trains and writes the model in Keras' legacy HDF5 format."""
    arguments = parse_arguments(__doc__, steps=4000, checkpoint=CHECKPOINTS / "smiling.h5")
    faces = prepare(arguments)
    keras.utils.set_random_seed(arguments.seed)
    network = create_network()
    model = add_lessons(network)
    losses = [
        "binary_crossentropy",
        "binary_crossentropy",
        "sparse_categorical_crossentropy",
        "categorical_crossentropy",
    ]
    model.compile(create_optimizer(arguments.steps), loss=losses, loss_weights=[1.0, 0.2, 0.2, 0.2])
    batches = draw_batches(
        arguments.faces,
        faces,
        grey=True,
        seed=arguments.seed,
        size=48,
        choose_mix=lambda step: choose_mix(step, arguments.steps),
        paired=True,
    )
    epochs = arguments.steps // STEPS_PER_EPOCH
    model.fit(label_batches(batches, faces), epochs=epochs, steps_per_epoch=STEPS_PER_EPOCH, verbose=2)
    network.save(arguments.output)


def add_lessons(network: keras.Model) -> keras.Model:
    """`network` with three more outputs for training only: sunglasses, pose, and where the head is."""
    features = network.get_layer(FEATURES).output
    sunglasses = layers.Dense(1, activation="sigmoid", name="sunglasses")(features)
    pose = layers.Dense(len(POSES), activation="softmax", name="pose")(features)
    place = layers.Flatten(name="where")(network.get_layer(PLACE).output)
    return keras.Model(network.inputs, [network.outputs[0], sunglasses, pose, place])


def create_optimizer(steps: int) -> keras.Optimizer:
    """AdamW with warm-up and cosine decay; the model ends with the moving average of its weights."""
    rate = keras.optimizers.schedules.CosineDecay(1e-4, steps, warmup_target=3e-3, warmup_steps=steps // 20)
    return keras.optimizers.AdamW(rate, weight_decay=0.02, clipnorm=2.0, use_ema=True, ema_momentum=0.998)


def label_batches(batches: Iterator[Batch], faces: list[Face]) -> Iterator[Labelled]:
    """Pictures float32 [N, 128, 128, 1] and the four labels."""
    smiling = smooth(torch.tensor([face.smiling for face in faces]))
    sunglasses = torch.tensor([float(face.sunglasses) for face in faces])
    for batch in batches:
        chosen = batch.indices
        pose = number_poses([faces[index] for index in chosen.tolist()], batch.mirrored)
        labels = (smiling[chosen, None], sunglasses[chosen, None], pose, spread_heads(batch.heads))
        yield batch.pictures.permute(0, 2, 3, 1), labels


if __name__ == "__main__":
    main()
