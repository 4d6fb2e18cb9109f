"""Scores the detector on composites of people who never trained it: `python -m zoo.objects.evaluate`.

Writes the tables into the model card, between the two markers, or prints them with `--print`.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

os.environ.setdefault("YOLO_AUTOINSTALL", "false")
from ultralytics import YOLO
from ultralytics.utils.metrics import ap_per_class, box_iou

from export.manifest import load_manifest
from export.preprocessing import geometry_of, picture
from zoo.evaluate import FACES, write_table
from zoo.faces import HELD_OUT, read_faces, select_people
from zoo.objects import LABELS
from zoo.objects.composites import Composer, Composite, read_people
from zoo.objects.train import CHECKPOINT

COUNT = 400
SEED = 2024
ROOT = Path(__file__).parents[2]
PHOTOS = ("zidane.jpg", "bus.jpg", "soccer.jpg", "surfing.jpg", "plane.jpg")
SHOWN_SCORE = 0.3

Rows = NDArray[np.float32]


class Detector:
    """The checkpoint; pictures RGB uint8 [N,H,W,3] to rows float32 [N,300,6] (x1, y1, x2, y2, score, class)."""

    def __init__(self, path: Path = CHECKPOINT) -> None:
        self.module = YOLO(path, task="detect").model.float().eval()
        self.module.end2end = True

    @torch.no_grad()
    def __call__(self, pictures: NDArray[np.uint8]) -> Rows:
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        return np.concatenate([self.module(batch)[0].numpy() for batch in pixels.split(16)])


def score_composites(detector: Detector, folder: Path) -> str:
    """A Markdown table of AP at IoU 0.5, on COUNT composites of the held-out people."""
    composer = Composer(read_people(folder, select_people(read_faces(folder), HELD_OUT)), SEED, backgrounds=200)
    composites = [composer(index) for index in range(COUNT)]
    found = detector(np.stack([each.picture for each in composites]))
    matches = [match(rows, each) for rows, each in zip(found, composites, strict=True)]
    truths = np.concatenate([each.boxes[:, 0] for each in composites])
    scores, classes = found[..., 4].ravel(), found[..., 5].ravel()
    precision = ap_per_class(np.concatenate(matches)[:, None], scores, classes, truths)[5][:, 0]
    lines = [f"| {LABELS[index]} | {np.sum(truths == index)} | {value:.3f} |" for index, value in enumerate(precision)]
    return "\n".join(["| Class | Boxes | AP at IoU 0.5 |", "|---|---|---|", *lines])


def match(rows: Rows, composite: Composite) -> NDArray[np.bool_]:
    """Which rows, best first, are the first to meet a box of their class with an IoU of 0.5 or more."""
    overlaps = box_iou(torch.from_numpy(rows[:, :4]), torch.from_numpy(composite.boxes[:, 1:])).numpy()
    overlaps[rows[:, 5:6] != composite.boxes[None, :, 0]] = 0
    hits = np.zeros(len(rows), dtype=bool)
    for row in np.argsort(-rows[:, 4], kind="stable"):
        if overlaps.shape[1] and overlaps[row].max() >= 0.5:
            hits[row] = True
            overlaps[:, overlaps[row].argmax()] = 0
    return hits


def list_photos(detector: Detector, folder: Path) -> str:
    """What is found in real photos that never trained a model, as a Markdown table."""
    paths = [ROOT / "examples" / "sample.jpg", *(folder.parent / "photos" / name for name in PHOTOS)]
    rows = [f"| {path.name} | {describe(detector, path)} |" for path in paths if path.is_file()]
    return "\n".join([f"| Photo | Found with a score of at least {SHOWN_SCORE} |", "|---|---|", *rows])


def describe(detector: Detector, path: Path) -> str:
    """Label, score and box in pixels of the photo."""
    (model,) = load_manifest().select(["objects"])
    geometry = geometry_of(model)
    photo = picture.decode(path.read_bytes(), [geometry], 10**9)
    (rows,) = detector(photo.fit(geometry)[None])
    scale_x, scale_y, left, top = geometry.transform(*photo.size)[:4]
    boxes = (rows[:, :4] - [left, top, left, top]) / [scale_x, scale_y, scale_x, scale_y]
    kept = [(row, box) for row, box in zip(rows, boxes, strict=True) if row[4] >= SHOWN_SCORE]
    texts = [f"{LABELS[int(row[5])]} {row[4]:.2f} at {', '.join(str(round(v)) for v in box)}" for row, box in kept]
    return "; ".join(texts) or "nothing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, default=FACES, help="folder of the CMU photos with labels.csv")
    parser.add_argument("--print", action="store_true", help="print the tables and leave the card as it is")
    options = parser.parse_args()
    detector = Detector()
    tables = f"{score_composites(detector, options.faces)}\n\n{list_photos(detector, options.faces)}"
    if options.print:
        print(tables)
    else:
        write_table(Path(__file__).with_name("README.md"), tables)


if __name__ == "__main__":
    main()
