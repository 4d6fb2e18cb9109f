"""Train the detector from scratch: `python -m zoo.objects.train --faces FOLDER`."""

import argparse
import copy
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

os.environ.setdefault("YOLO_AUTOINSTALL", "false")
from ultralytics import YOLO
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel, yaml_model_load

from zoo.faces import read_faces, select_training
from zoo.objects import LABELS
from zoo.objects.composites import Composer, Composite, read_people

CHECKPOINT = Path(__file__).parents[1] / "checkpoints" / "objects.pt"
STEPS_PER_EPOCH = 100
WIDTH = 0.125  # of YOLO26's channels; n has 0.25. Two classes need no more, and a CPU is glad of it


class Composites(Dataset):
    """`count` composites from an offset on, so that every pass over it can be new."""

    def __init__(self, composer: Composer, start: int, count: int) -> None:
        self.composer, self.start, self.count = composer, start, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Composite:
        return self.composer(self.start + index)


def collate(composites: list[Composite]) -> dict[str, torch.Tensor]:
    """The batch that ultralytics' loss wants; boxes as shares of the side, (cx, cy, w, h)."""
    images = torch.from_numpy(np.stack([each.picture for each in composites])).permute(0, 3, 1, 2)
    boxes = torch.from_numpy(np.concatenate([each.boxes for each in composites]))
    owners = torch.cat([torch.full((len(each.boxes),), float(index)) for index, each in enumerate(composites)])
    centres, sides = (boxes[:, 1:3] + boxes[:, 3:]) / 2, boxes[:, 3:] - boxes[:, 1:3]
    shares = torch.cat([centres, sides], dim=1) / images.shape[-1]
    return {
        "img": images.float().contiguous(memory_format=torch.channels_last) / 255,
        "cls": boxes[:, :1],
        "bboxes": shares,
        "batch_idx": owners,
    }


def make_network(epochs: int) -> DetectionModel:
    """YOLO26 at WIDTH, with its class names. Over `epochs` the loss' weight moves to the head without NMS."""
    architecture = yaml_model_load("yolo26n.yaml")
    architecture["scales"] = {"n": [0.5, WIDTH, 1024]}
    network = DetectionModel(architecture, nc=len(LABELS), verbose=False)
    network.args = get_cfg(overrides={"epochs": epochs})
    network.names = dict(enumerate(LABELS))
    return network


def train(composer: Composer, steps: int, batch: int, output: Path, rate: float = 2e-3) -> DetectionModel:
    """AdamW with warm-up and cosine decay; returns the running average of the weights, kept in `output` on the way."""
    network = make_network(steps // STEPS_PER_EPOCH).train().to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.08)
    loader = DataLoader(Composites(composer, 0, steps * batch), batch, collate_fn=collate, num_workers=1)
    started = time.monotonic()
    for step, samples in enumerate(loader):
        loss, parts = network.loss(samples)
        optimizer.zero_grad()
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        blend(average, network, min(0.998, (1 + step) / (10 + step)))
        if step % STEPS_PER_EPOCH == STEPS_PER_EPOCH - 1:
            network.criterion.update()
        if step % 50 == 0:
            print(
                f"{step:5d} {[round(float(part), 3) for part in parts.values()]} {time.monotonic() - started:.0f} s",
                flush=True,
            )
        if step % 400 == 399:
            save(average, output)
    return average


@torch.no_grad()
def blend(average: torch.nn.Module, network: torch.nn.Module, decay: float) -> None:
    """Move the average towards the network; counters are copied."""
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def save(network: DetectionModel, path: Path) -> None:
    """A checkpoint as ultralytics writes it, in half precision."""
    kept = copy.deepcopy(network).eval()
    kept.criterion = None
    yolo = YOLO("yolo26n.yaml", task="detect")
    yolo.model = kept
    yolo.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, required=True, help="folder of the CMU photos with labels.csv")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=CHECKPOINT)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    composer = Composer(read_people(options.faces, select_training(read_faces(options.faces))), seed=1)
    save(train(composer, options.steps, options.batch, options.output), options.output)


if __name__ == "__main__":
    main()
