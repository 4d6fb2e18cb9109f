"""Trains `sunglasses` in PyTorch: python -m zoo.sunglasses.train --help

It learns from CMU's labels, and on Flickr8k from captions and a network of face attributes. It sees faces as the
service cuts them out, from other distances and in other light each time.
"""

import argparse
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from zoo import CHECKPOINTS
from zoo.faces.augmentation import augment
from zoo.faces.crops import resize
from zoo.faces.dataset import Face, close_up, find_faces, middle, read_cmu, read_flickr8k
from zoo.faces.targets import calibrate
from zoo.mobilenet import MEAN, STD, halve, load_features
from zoo.sunglasses.network import LAYERS, SIDE, SunglassesNetwork

DARK, CLEAR = ("sunglass", "shades"), ("glasses", "eyeglasses", "spectacles")  # beginnings of words in captions
MARGIN = 0.25  # around a face's box: `region.margin` of the entry
TAUGHT_MARGIN = 0.1  # of what the teacher sees
STEPS, BATCH = 1200, 32
RATE, AVERAGE = 5e-4, 0.99
CERTAIN = 0.98  # that a label of CMU is right
SELDOM = -2.0  # how much less likely sunglasses are than none, as a logit
SAID_DARK, SAID_CLEAR = 2.5, -2.0  # what a caption adds to a main face's logit; a second one says it again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("flickr8k", "cmu", "weights", "teacher"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    torch.manual_seed(0)

    photos = read_cmu(arguments.cmu) + read_flickr8k(arguments.flickr8k)
    faces = find_faces([photo for photo in photos if not photo.aside])
    network = SunglassesNetwork()
    network.features = load_features(arguments.weights)[:LAYERS]
    averaged = train(network, faces, set_targets(faces, arguments.teacher))
    torch.save(halve(averaged.state_dict()), CHECKPOINTS / "sunglasses.pt")


def set_targets(faces: list[Face], teacher: Path) -> torch.Tensor:
    """FP32 [N]: how likely each face wears sunglasses, by labels, captions and the teacher."""
    dark, clear = (np.array([count_said(face, words) for face in faces]) for words in (DARK, CLEAR))
    worn = (dark > 0) | np.array([face.photo.eyes == "sunglasses" for face in faces])
    of_cmu = np.array([bool(face.photo.person) for face in faces])
    said = SAID_DARK * np.minimum(dark, 2) + SAID_CLEAR * ((clear > 0) & ~worn)
    taught = 1 / (1 + np.exp(-calibrate(ask(faces, teacher), worn) - SELDOM - said))
    return torch.from_numpy(np.where(of_cmu, np.where(worn, CERTAIN, 1 - CERTAIN), taught).astype(np.float32))


def count_said(face: Face, words: tuple[str, ...]) -> int:
    """Captions speak of a photo's main face."""
    return face.photo.mentions(*words) if face.rank == 0 else 0


def ask(faces: list[Face], teacher: Path) -> np.ndarray:
    """FP32 [N,13]: the teacher's numbers, the mean over a face and its mirror image."""
    session = onnxruntime.InferenceSession(teacher)
    answers = []
    for face in tqdm(faces, desc="teacher"):
        close = resize(close_up(face.pixels, TAUGHT_MARGIN), 112)
        images = np.stack([close, close[:, ::-1]]).transpose(0, 3, 1, 2).astype(np.float32)
        answers.append(session.run(None, {session.get_inputs()[0].name: images})[0].mean(axis=0))
    return np.stack(answers)


def train(network: SunglassesNetwork, faces: list[Face], targets: torch.Tensor) -> SunglassesNetwork:
    """Dark glasses and others in equal parts; gives the moving average of the weights."""
    pixels = torch.from_numpy(np.stack([face.pixels for face in faces])).permute(0, 3, 1, 2)
    worn = targets > 0.5
    chances = torch.where(worn, 0.5 / worn.float().mean(), 0.5 / (~worn).float().mean())
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS, pct_start=0.1)
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
    network.train()
    network.features.eval()  # its batch statistics stay ImageNet's
    progress = tqdm(range(STEPS), desc="sunglasses")
    for _ in progress:
        chosen = torch.multinomial(chances, BATCH)
        logits = network((augment(pixels[chosen], middle(MARGIN), SIDE) - mean) / std)
        loss = binary_cross_entropy_with_logits(logits[:, 0], targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        averaged.update_parameters(network)
        progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return averaged.module.eval()


if __name__ == "__main__":
    main()
