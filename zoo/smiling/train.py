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
from zoo.smiling.network import FEATURES, FINDER, HALF_SIDE, PLACE, create_network
from zoo.training import Batch, draw_batches, parse_arguments, prepare, smooth

STEPS_PER_EPOCH = 100
BATCH = 48
# Share of the steps that teach to find the face; the rest teach to judge it.
FINDING = 0.2


def main() -> None:
    """Trains and writes the model in Keras' legacy HDF5 format."""
    arguments = parse_arguments(__doc__, steps=6000, checkpoint=CHECKPOINTS / "smiling.h5")
    faces = prepare(arguments)
    keras.utils.set_random_seed(arguments.seed)
    network = create_network()
    finding = int(arguments.steps * FINDING)
    batches = draw_batches(arguments.faces, faces, grey=True, seed=arguments.seed, size=BATCH)
    teach_finding(network, batches, finding)
    judging = arguments.steps - finding
    batches = draw_batches(
        arguments.faces,
        faces,
        grey=True,
        seed=arguments.seed + 1,
        size=BATCH,
        choose_mix=lambda step: choose_mix(step, judging),
        paired=True,
    )
    teach_judging(network, batches, faces, judging)
    network.trainable = True
    network.save(arguments.output)


def teach_finding(network: keras.Model, batches: Iterator[Batch], steps: int) -> None:
    """Train the part that says where the face is and how large."""
    outputs = [layers.Flatten()(network.get_layer(PLACE).output), network.get_layer(HALF_SIDE).output]
    model = keras.Model(network.inputs, outputs)
    model.compile(create_optimizer(steps), loss=["categorical_crossentropy", "mean_squared_error"])
    labelled = (
        (batch.pictures.permute(0, 2, 3, 1), (spread_heads(batch.heads), batch.half_sides.log()[:, None]))
        for batch in batches
    )
    fit(model, labelled, steps)


def teach_judging(network: keras.Model, batches: Iterator[Batch], faces: list[Face], steps: int) -> None:
    """Train the part that looks at the found face; two more outputs, for training only, ask for glasses and pose."""
    for layer in network.layers:
        layer.trainable = layer.trainable and not layer.name.startswith((FINDER, HALF_SIDE))
    features = network.get_layer(FEATURES).output
    sunglasses = layers.Dense(1, activation="sigmoid", name="sunglasses")(features)
    pose = layers.Dense(len(POSES), activation="softmax", name="pose")(features)
    model = keras.Model(network.inputs, [network.outputs[0], sunglasses, pose])
    losses = ["binary_crossentropy", "binary_crossentropy", "sparse_categorical_crossentropy"]
    model.compile(create_optimizer(steps), loss=losses, loss_weights=[1.0, 0.2, 0.2])
    fit(model, label_batches(batches, faces), steps)


def fit(model: keras.Model, batches: Iterator[tuple], steps: int) -> None:
    model.fit(batches, epochs=steps // STEPS_PER_EPOCH, steps_per_epoch=STEPS_PER_EPOCH, verbose=2)


def create_optimizer(steps: int) -> keras.Optimizer:
    """AdamW with warm-up and cosine decay; the model ends with the moving average of its weights."""
    rate = keras.optimizers.schedules.CosineDecay(1e-4, steps, warmup_target=2e-3, warmup_steps=steps // 20)
    return keras.optimizers.AdamW(rate, weight_decay=0.05, clipnorm=2.0, use_ema=True, ema_momentum=0.995)


def label_batches(batches: Iterator[Batch], faces: list[Face]) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
    """Pictures float32 [N, 128, 128, 1] and the three labels."""
    smiling = smooth(torch.tensor([face.smiling for face in faces]))
    sunglasses = torch.tensor([float(face.sunglasses) for face in faces])
    for batch in batches:
        chosen = batch.indices
        pose = number_poses([faces[index] for index in chosen.tolist()], batch.mirrored)
        yield batch.pictures.permute(0, 2, 3, 1), (smiling[chosen, None], sunglasses[chosen, None], pose)


if __name__ == "__main__":
    main()
