"""Trains the smiling network: `python -m zoo.smiling.train --faces FOLDER`."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from collections.abc import Iterator

import keras
import torch
from keras import layers
from torch import Tensor

from zoo import CHECKPOINTS
from zoo.augmentation import Mix
from zoo.faces import POSES, Face
from zoo.smiling.network import FEATURES, GRID, PLACE, create_network
from zoo.training import Batch, balance, draw_batches, parse_arguments, prepare, smooth

STEPS_PER_EPOCH = 100
# A mouth is twelve pixels wide in these photos; the network first learns smiles from nearer.
CLOSE_UP = Mix(pasted=0.1, cut_out=0.2, erased=0.1, own_zoom=(1.3, 2.2), replaced_zoom=(1.3, 2.6))
FULL = Mix(pasted=0.15, cut_out=0.3, erased=0.1, own_zoom=(0.9, 1.6), replaced_zoom=(0.75, 2.6))
Labelled = tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]


def main() -> None:
    """Trains and writes the model in Keras' legacy HDF5 format."""
    arguments = parse_arguments(__doc__, steps=3000, checkpoint=CHECKPOINTS / "smiling.h5")
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
        choose_mix=lambda step: CLOSE_UP if step < arguments.steps * 0.4 else FULL,
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
    rate = keras.optimizers.schedules.CosineDecay(1e-4, steps, warmup_target=3e-3, warmup_steps=steps // 8)
    return keras.optimizers.AdamW(rate, weight_decay=0.02, clipnorm=2.0, use_ema=True, ema_momentum=0.995)


def label_batches(batches: Iterator[Batch], faces: list[Face]) -> Iterator[Labelled]:
    """Pictures float32 [N, 128, 128, 1], the four labels, and their weights [N], which balance smiling and not."""
    happy = [face.smiling for face in faces]
    smiling, weights = smooth(torch.tensor(happy)), balance(happy)
    sunglasses = torch.tensor([float(face.sunglasses) for face in faces])
    poses = torch.tensor([POSES.index(face.pose) for face in faces])
    for batch in batches:
        chosen = batch.indices
        pose = mirror_poses(poses[chosen], batch.mirrored)
        labels = (smiling[chosen, None], sunglasses[chosen, None], pose, spread_heads(batch.heads))
        even = torch.ones(len(chosen))
        yield batch.pictures.permute(0, 2, 3, 1), labels, (weights[chosen], even, even, even)


def spread_heads(heads: Tensor) -> Tensor:
    """Heads [N, 2] in [-1, 1] as soft places on the grid, float32 [N, 64], 1 in sum."""
    centres = (torch.arange(GRID) + 0.5) / GRID * 2 - 1
    across, down = (-((heads[:, i, None] - centres) ** 2) / (2 * 0.18**2) for i in (0, 1))
    return (down[:, :, None] + across[:, None, :]).flatten(1).softmax(dim=1)


def mirror_poses(poses: Tensor, mirrored: Tensor) -> Tensor:
    """Pose ids int64 [N] with left and right exchanged where the picture is mirrored."""
    exchanged = torch.tensor([POSES.index({"left": "right", "right": "left"}.get(pose, pose)) for pose in POSES])
    return torch.where(mirrored, exchanged[poses], poses)


if __name__ == "__main__":
    main()
