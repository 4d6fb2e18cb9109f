"""Trains `smiling` in Keras: python -m zoo.smiling.train --help

Three expression networks teach it, as far as they agree with what the captions say, and CMU's labels. It sees faces as
the service cuts them out, from other distances and in other light each time.
"""

import argparse
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers
from tqdm import tqdm

from zoo import CHECKPOINTS
from zoo.faces.augmentation import augment
from zoo.faces.dataset import SHARE, Face, close_up, find_faces, read_cmu, read_flickr8k
from zoo.faces.targets import calibrate
from zoo.smiling.teachers import GREY, Teacher, load_teachers

SIDE = 64
WORDS = ("smil", "laugh", "grin")  # beginnings of words in captions
WIDTHS = (16, 32, 64, 128)
STEPS, BATCH = 1000, 32
MARGIN = 0.12  # of what the teachers see
RATE, AVERAGE = 2e-3, 0.99
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
    network = create_network()
    train(network, np.stack([face.pixels for face in faces]), targets)
    network.save(CHECKPOINTS / "smiling.h5")


def create_network() -> keras.Model:
    """Grey FP32 [N,SIDE,SIDE,1] in [0,1] to the probability of smiling [N,1]; separable convolutions."""
    images = keras.Input((SIDE, SIDE, 1))
    features = layers.BatchNormalization(center=False, scale=False)(images)
    for index, width in enumerate(WIDTHS):
        convolution = layers.Conv2D if index == 0 else layers.SeparableConv2D
        features = normalise(convolution(width, 3, strides=2, padding="same", use_bias=False)(features))
        for _ in range(1 if index == 0 else 2):
            inner = normalise(layers.SeparableConv2D(width, 3, padding="same", use_bias=False)(features))
            features = layers.Add()([features, inner])
    features = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(features))
    return keras.Model(images, layers.Dense(1, activation="sigmoid")(features))


def normalise(features):
    return layers.Activation("relu")(layers.BatchNormalization()(features))


def set_targets(faces: list[Face], teachers: list[Teacher]) -> np.ndarray:
    """FP32 [N]: how likely each face smiles, by labels, captions and teachers."""
    logits = ask(faces, teachers)
    said = np.array([face.rank == 0 and face.photo.mentions(*WORDS) > 0 for face in faces])
    happy = np.array([face.photo.expression == "happy" for face in faces])
    of_cmu = np.array([bool(face.photo.person) for face in faces])
    logits = calibrate(logits, np.where(of_cmu, happy, said))
    taught = 1 / (1 + np.exp(-(logits + HINT * said)))
    return np.where(of_cmu, np.where(happy, CERTAIN, 1 - CERTAIN), taught).astype(np.float32)


def ask(faces: list[Face], teachers: list[Teacher]) -> np.ndarray:
    """FP32 [N,teachers]: the mean of each teacher's logits over a face and its mirror image."""
    close = np.stack([close_up(face.pixels, MARGIN) for face in faces])
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
    faces = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    chances = torch.from_numpy(np.where(targets > 0.5, 0.5 / (targets > 0.5).mean(), 0.5 / (targets <= 0.5).mean()))
    progress = tqdm(range(STEPS), desc="smiling")
    for _ in progress:
        chosen = torch.multinomial(chances, BATCH)
        close = torch.einsum("nchw,c->nhw", augment(faces[chosen], SHARE, SIDE), torch.from_numpy(GREY))[..., None]
        loss = network.train_on_batch(close, targets[chosen.numpy()][:, None])
        progress.set_postfix(loss=f"{float(loss):.3f}", refresh=False)
    optimizer.finalize_variable_values(network.trainable_variables)


if __name__ == "__main__":
    main()
