"""What the training scripts share: command line, endless batches, and a PyTorch loop with an averaged model."""

import argparse
from collections.abc import Callable, Iterator
from itertools import count, product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from zoo.augmentation import Augmenter, Mix
from zoo.backgrounds import make_backgrounds
from zoo.boxes import find_places
from zoo.cutouts import cut_out
from zoo.faces import Face, read_faces, read_pixels, select_training


class Batch(NamedTuple):
    """Indices of the faces int64 [N], and what was drawn of them."""

    indices: Tensor
    pictures: Tensor
    mirrored: Tensor
    heads: Tensor
    half_sides: Tensor


def parse_arguments(description: str, steps: int, checkpoint: Path) -> argparse.Namespace:
    """The command line of a training script."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--faces", type=Path, required=True, help="folder of the CMU Face Images with labels.csv")
    parser.add_argument("--steps", type=int, default=steps, help="batches to train for (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tune", action="store_true", help="keep the validation people out, to try settings on them")
    parser.add_argument("--output", type=Path, default=checkpoint, help="checkpoint to write")
    return parser.parse_args()


def prepare(arguments: argparse.Namespace) -> list[Face]:
    """Fixes seeds and thread count, and names the faces to train on."""
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    return select_training(read_faces(arguments.faces), keep_validation_out=arguments.tune)


def draw_batches(
    folder: Path,
    faces: list[Face],
    *,
    grey: bool,
    seed: int,
    size: int = 64,
    choose_mix: Callable[[int], Mix] | None = None,
    paired: bool = False,
) -> Iterator[Batch]:
    """Augmented batches of `faces` without end.

    `choose_mix` says from the step's number, from 0, of what kind. `paired` batches hold, side by side, a smiling and
    another photo of the same person, pose and eyes, in the same framing, so that only the face tells them apart.
    """
    pixels = read_pixels(folder, faces)
    backgrounds = make_backgrounds(512, 128, np.random.default_rng(seed))
    places = find_places(faces, pixels)
    together = 2 if paired else 1
    augment = Augmenter(pixels, cut_out(pixels), places, backgrounds, grey=grey, seed=seed, together=together)
    random = torch.Generator().manual_seed(seed)
    pairs = list_pairs(faces) if paired else torch.arange(len(faces))[:, None]
    for step in count():
        augment.mix = choose_mix(step) if choose_mix else augment.mix
        indices = pairs[torch.randint(len(pairs), (size // pairs.shape[1],), generator=random)].flatten()
        yield Batch(indices, *augment(indices))


def list_pairs(faces: list[Face]) -> Tensor:
    """Indices, int64 [P, 2], of a smiling photo and another that differs in nothing but the expression."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for index, face in enumerate(faces):
        groups.setdefault((face.person, face.pose, face.eyes), []).append(index)
    pairs = [pair for group in groups.values() for pair in product(group, group)]
    return torch.tensor([pair for pair in pairs if faces[pair[0]].smiling and not faces[pair[1]].smiling])


def smooth(labels: Tensor, amount: float = 0.05) -> Tensor:
    """Labels 0 and 1 as float32, moved by `amount` towards each other."""
    return labels.float() * (1 - 2 * amount) + amount


def train(
    network: nn.Module, compute_loss: Callable[[Batch], Tensor], batches: Iterator[Batch], steps: int
) -> nn.Module:
    """AdamW with a one-cycle rate; returns the exponential average of the weights, which generalises better."""
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps, pct_start=0.15)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.995), use_buffers=True)
    network.train()
    for step in range(1, steps + 1):
        loss = compute_loss(next(batches))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
        if step % 100 == 0:
            print(f"step {step}/{steps}  loss {loss.item():.4f}", flush=True)
    return average.module.eval()
