"""Trains `smiling` in Keras: python -m zoo.smiling.train --help

It begins as mini_XCEPTION, a network of seven emotions. Three expression networks, it among them, teach it, as far as
they agree with what the captions say, and CMU's labels. It sees faces as the service cuts them out, from other
distances and in other light each time.
"""

import argparse
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from tqdm import tqdm

from zoo import CHECKPOINTS
from zoo.faces.augmentation import augment
from zoo.faces.dataset import Face, close_up, find_faces, middle, read_cmu, read_flickr8k
from zoo.faces.targets import calibrate
from zoo.smiling.teachers import EMOTIONS, GREY, HAPPY, Teacher, load_teachers, read_keras

SIDE = 64
MARGIN = 0.15  # around a face's box: `region.margin` of the entry
TAUGHT_MARGIN = 0.12  # of what the teachers see
WORDS = ("smil", "laugh", "grin")  # beginnings of words in captions
STEPS, BATCH = 500, 48
RATE, AVERAGE = 1e-3, 0.98
HINT = 1.0  # what a caption that says smile adds to a main face's logit
CERTAIN = 0.95  # that a label of CMU is right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("flickr8k", "cmu", "human", "face-api", "fer"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)

    photos = read_cmu(arguments.cmu) + read_flickr8k(arguments.flickr8k)
    faces = find_faces([photo for photo in photos if not photo.aside])
    targets = set_targets(faces, load_teachers(arguments.human, arguments.face_api, arguments.fer))
    network = create_network(arguments.fer)
    train(network, np.stack([face.pixels for face in faces]), targets)
    network.save(CHECKPOINTS / "smiling.h5", include_optimizer=False)


def create_network(path: Path) -> keras.Model:
    """Grey FP32 [N,SIDE,SIDE,1] in [-1,1] to the probability of smiling [N,1]: happy against the other six emotions."""
    emotions = read_keras(path)
    smiling = keras.layers.Dense(1, activation="sigmoid")
    network = keras.Model(emotions.inputs, smiling(emotions.layers[-2].output))
    weights = np.full((EMOTIONS, 1), -0.25, np.float32)
    weights[HAPPY] = 1
    smiling.set_weights([weights, np.zeros(1, np.float32)])
    return network


def set_targets(faces: list[Face], teachers: list[Teacher]) -> np.ndarray:
    """FP32 [N]: how likely each face smiles, by labels, captions and teachers."""
    said = np.array([face.rank == 0 and face.photo.mentions(*WORDS) > 0 for face in faces])
    happy = np.array([face.photo.expression == "happy" for face in faces])
    of_cmu = np.array([bool(face.photo.person) for face in faces])
    logits = calibrate(ask(faces, teachers), np.where(of_cmu, happy, said))
    taught = 1 / (1 + np.exp(-logits - HINT * said))
    return np.where(of_cmu, np.where(happy, CERTAIN, 1 - CERTAIN), taught).astype(np.float32)


def ask(faces: list[Face], teachers: list[Teacher]) -> np.ndarray:
    """FP32 [N,teachers]: the mean of each teacher's logits over a face and its mirror image."""
    close = np.stack([close_up(face.pixels, TAUGHT_MARGIN) for face in faces])
    logits = []
    for teacher in tqdm(teachers, desc="teachers"):
        happy = np.clip([teacher(close), teacher(np.ascontiguousarray(close[:, :, ::-1]))], 1e-4, 1 - 1e-4)
        logits.append(np.log(happy / (1 - happy)).mean(axis=0))
    return np.stack(logits, axis=1)


def train(network: keras.Model, pixels: np.ndarray, targets: np.ndarray) -> None:
    """Smiles and others in equal parts; the weights are a moving average in the end."""
    rates = keras.optimizers.schedules.CosineDecay(RATE / 10, STEPS, 1e-2, warmup_target=RATE, warmup_steps=STEPS // 20)
    optimizer = keras.optimizers.AdamW(rates, weight_decay=1e-3, use_ema=True, ema_momentum=AVERAGE)
    network.compile(optimizer, "binary_crossentropy")
    faces, grey = torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(GREY)
    smiles = targets > 0.5
    chances = torch.from_numpy(np.where(smiles, 0.5 / smiles.mean(), 0.5 / (~smiles).mean()))
    progress = tqdm(range(STEPS), desc="smiling")
    for _ in progress:
        chosen = torch.multinomial(chances, BATCH)
        images = torch.einsum("nchw,c->nhw", augment(faces[chosen], middle(MARGIN), SIDE), grey)[..., None] * 2 - 1
        loss = network.train_on_batch(images, targets[chosen.numpy()][:, None])
        progress.set_postfix(loss=f"{float(loss):.3f}", refresh=False)
    optimizer.finalize_variable_values(network.trainable_variables)


if __name__ == "__main__":
    main()
