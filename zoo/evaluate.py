"""Scores the bundled checkpoints on people who never trained a model: `python -m zoo.evaluate`.

Writes the tables into the model cards, between the two markers, or prints them with `--print`.
"""

import argparse
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from zoo.augmentation import Augmenter
from zoo.backgrounds import make_backgrounds
from zoo.boxes import find_places
from zoo.caption.sentences import Attributes, read_attributes
from zoo.caption.train import describe
from zoo.cutouts import cut_out
from zoo.faces import HELD_OUT, POSES, Face, read_faces, read_photos, read_pixels, select_people, stretch_photos
from zoo.predictions import predict_smiling, predict_sunglasses, write_captions

BEGIN, FINISH = "<!-- scores: written by python -m zoo.evaluate -->", "<!-- end of scores -->"
FACES = Path(__file__).parents[2] / "shared" / "data" / "faces"
COMPOSITES = 1024

Flags = NDArray[np.bool_]
Photos = NDArray[np.uint8]


def main() -> None:
    """Scores all three models and updates or prints their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, default=FACES, help="folder of the CMU Face Images with labels.csv")
    parser.add_argument("--print", action="store_true", help="print the tables and leave the cards as they are")
    arguments = parser.parse_args()
    for name, table in score_models(arguments.faces).items():
        if arguments.print:
            print(f"{name}\n\n{table}\n")
        else:
            write_table(Path(__file__).parent / name / "README.md", table)


def score_models(folder: Path, people: frozenset[str] = HELD_OUT) -> dict[str, str]:
    """A Markdown table per model, from the photos of `people`, composites made of them, and a colour portrait."""
    faces = select_people(read_faces(folder), people)
    photos = read_photos(folder, faces)
    drawn, mirrored, composites = make_composites(folder, faces)
    portrait = stretch_photos([Image.open(str(files("skimage") / "data" / "astronaut.png"))])
    truths = [describe(face, False) for face in faces]
    drawn_truths = [describe(face, flip) for face, flip in zip(drawn, mirrored, strict=True)]
    tables = {}
    for name, predict in (("smiling", predict_smiling), ("sunglasses", predict_sunglasses)):
        rows = score_classifier(predict(photos) > 0.5, np.array([getattr(face, name) for face in faces]), faces)
        rows += [score_row("composites", predict(composites) > 0.5, np.array([getattr(face, name) for face in drawn]))]
        tables[name] = (
            _format_classifier(rows)
            + f"\n\nColour portrait (smiling, no sunglasses): probability {predict(portrait)[0]:.2f}."
        )
    rows = score_captions(write_captions(photos), truths)
    rows += [_caption_row("composites", [read_attributes(text) for text in write_captions(composites)], drawn_truths)]
    tables["caption"] = (
        _format_captions(rows) + f"\n\nColour portrait (smiling, no sunglasses): “{write_captions(portrait)[0]}”."
    )
    return tables


def make_composites(folder: Path, faces: Sequence[Face]) -> tuple[list[Face], list[bool], Photos]:
    """`COMPOSITES` pictures RGB uint8 of `faces` with other framing, background and light, the same every time."""
    pixels = read_pixels(folder, faces)
    backgrounds = make_backgrounds(256, 128, np.random.default_rng(99))
    augment = Augmenter(pixels, cut_out(pixels), find_places(faces, pixels), backgrounds, grey=False, seed=99)
    indices = torch.arange(COMPOSITES) % len(faces)
    pictures, mirrored, *_ = augment(indices)
    photos = (pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return [faces[index] for index in indices.tolist()], mirrored.tolist(), photos


def balanced_accuracy(predicted: Flags, truth: Flags) -> float:
    """Mean of the shares found among the positives and among the negatives, in [0, 1]."""
    return float((predicted[truth].mean() + (~predicted[~truth]).mean()) / 2)


def score_classifier(predicted: Flags, truth: Flags, faces: Sequence[Face]) -> list[list[str]]:
    """Rows for all photos and for each pose."""
    poses = np.array([face.pose for face in faces])
    rows = [score_row("all", predicted, truth)]
    return rows + [score_row(pose, predicted[poses == pose], truth[poses == pose]) for pose in POSES]


def score_row(title: str, predicted: Flags, truth: Flags) -> list[str]:
    """Title, photos, balanced accuracy, share found, share rightly left alone."""
    shares = (balanced_accuracy(predicted, truth), predicted[truth].mean(), (~predicted[~truth]).mean())
    return [title, str(len(truth)), *(f"{share:.2f}" for share in shares)]


def score_captions(captions: list[str], truths: list[Attributes]) -> list[list[str]]:
    """Rows for all photos and for each pose."""
    said = [read_attributes(caption) for caption in captions]
    rows = [_caption_row("all", said, truths)]
    for pose in POSES:
        chosen = [index for index, truth in enumerate(truths) if truth.pose == pose]
        rows.append(_caption_row(pose, [said[index] for index in chosen], [truths[index] for index in chosen]))
    return rows


def _caption_row(title: str, said: list[Attributes], truths: list[Attributes]) -> list[str]:
    pairs = list(zip(said, truths, strict=True))
    names = ("pose", "eyes", "expression")
    shares = [np.mean([getattr(one, name) == getattr(truth, name) for one, truth in pairs]) for name in names]
    shares.append(np.mean([(one.expression == "happy") == (truth.expression == "happy") for one, truth in pairs]))
    shares.append(np.mean([one == truth for one, truth in pairs]))
    return [title, str(len(pairs)), *(f"{share:.2f}" for share in shares)]


def _format_classifier(rows: list[list[str]]) -> str:
    return format_table(["photos of", "count", "balanced accuracy", "found", "rightly not found"], rows)


def _format_captions(rows: list[list[str]]) -> str:
    return format_table(["photos of", "count", "pose", "sunglasses", "expression", "happy or not", "all right"], rows)


def format_table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, numbers to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def write_table(card: Path, table: str) -> None:
    """Puts `table` between the card's markers. Raises ValueError where they are missing."""
    before, begin, rest = card.read_text().partition(BEGIN)
    _, finish, after = rest.partition(FINISH)
    if not (begin and finish):
        raise ValueError(f"{card} lacks the line {FINISH if begin else BEGIN!r}")
    card.write_text(f"{before}{BEGIN}\n\n{table}\n\n{FINISH}{after}")


if __name__ == "__main__":
    main()
