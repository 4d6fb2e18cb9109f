"""Trains `smiling` in Keras: python -m zoo.smiling.train --help

It begins as `emotion`, a network of seven emotions. Three expression networks, it among them, teach it, as far as they
agree with what the captions say, and CMU's labels. First its last layer alone is fitted, so that the others are not
spoilt; then all learn from faces as the service cuts them out, a little moved and in other light each time.
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
from zoo.faces.targets import calibrate, regress
from zoo.smiling.network import SIDE, create_network
from zoo.smiling.teachers import GREY, Teacher, grey, load_teachers

MARGIN = 0.1  # around a face's box: `region.margin` of the entry
TAUGHT_MARGIN = 0.12  # of what the teachers see
WORDS = ("smil", "laugh", "grin")  # beginnings of words in captions
STEPS, BATCH = 400, 64
RATE, AVERAGE = 1e-4, 0.98
STRENGTH = 0.5  # of the augmentation
HINT, MOST_HINTS = 0.7, 3  # what each caption that says smile adds to a main face's logit
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
    network = create_network(arguments.human)
    fit_last(network, np.stack([close_up(face.pixels, MARGIN) for face in faces]), targets)
    train(network, np.stack([face.pixels for face in faces]), targets)
    network.save(CHECKPOINTS / "smiling.h5", include_optimizer=False)


def set_targets(faces: list[Face], teachers: list[Teacher]) -> np.ndarray:
    """FP32 [N]: how likely each face smiles, by labels, captions and teachers."""
    said = np.array([face.photo.mentions(*WORDS) if face.rank == 0 else 0 for face in faces])
    happy = np.array([face.photo.expression == "happy" for face in faces])
    of_cmu = np.array([bool(face.photo.person) for face in faces])
    logits = calibrate(ask(faces, teachers), np.where(of_cmu, happy, said > 0))
    taught = 1 / (1 + np.exp(-logits - HINT * np.minimum(said, MOST_HINTS)))
    return np.where(of_cmu, np.where(happy, CERTAIN, 1 - CERTAIN), taught).astype(np.float32)


def ask(faces: list[Face], teachers: list[Teacher]) -> np.ndarray:
    """FP32 [N,teachers]: the mean of each teacher's logits over a face and its mirror image."""
    close = np.stack([close_up(face.pixels, TAUGHT_MARGIN) for face in faces])
    logits = []
    for teacher in tqdm(teachers, desc="teachers"):
        happy = np.clip([teacher(close), teacher(np.ascontiguousarray(close[:, :, ::-1]))], 1e-4, 1 - 1e-4)
        logits.append(np.log(happy / (1 - happy)).mean(axis=0))
    return np.stack(logits, axis=1)


def fit_last(network: keras.Model, faces: np.ndarray, targets: np.ndarray) -> None:
    """By logistic regression on the layer before."""
    before = keras.Model(network.inputs, network.layers[-2].output)
    images = grey(faces, SIDE)[..., None] / 127.5 - 1
    features = [before.predict(each, batch_size=BATCH, verbose=0) for each in (images, images[:, :, ::-1])]
    weights, bias = regress(np.concatenate(features), np.tile(targets, 2))
    network.layers[-1].set_weights([weights[:, None], np.float32([bias])])


def train(network: keras.Model, pixels: np.ndarray, targets: np.ndarray) -> None:
    """Smiles and others in equal parts; the weights are a moving average in the end."""
    rates = keras.optimizers.schedules.CosineDecay(RATE / 10, STEPS, 1e-2, warmup_target=RATE, warmup_steps=STEPS // 20)
    optimizer = keras.optimizers.AdamW(rates, weight_decay=1e-3, use_ema=True, ema_momentum=AVERAGE)
    network.compile(optimizer, "binary_crossentropy")
    faces, luma = torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(GREY)
    smiles = targets > 0.5
    chances = torch.from_numpy(np.where(smiles, 0.5 / smiles.mean(), 0.5 / (~smiles).mean()))
    progress = tqdm(range(STEPS), desc="smiling")
    for _ in progress:
        chosen = torch.multinomial(chances, BATCH)
        colour = augment(faces[chosen], middle(MARGIN), SIDE, STRENGTH)
        images = torch.einsum("nchw,c->nhw", colour, luma)[..., None] * 2 - 1
        loss = network.train_on_batch(images, targets[chosen.numpy()][:, None])
        progress.set_postfix(loss=f"{float(loss):.3f}", refresh=False)
    optimizer.finalize_variable_values(network.trainable_variables)


if __name__ == "__main__":
    main()
