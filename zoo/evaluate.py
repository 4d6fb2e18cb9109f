"""Scores the served models, through Triton, on what they were never trained on: python -m zoo.evaluate --data FOLDER

The folder has `faces/` (CMU Face Images), `flickr8k/` and `photos/`; `make serve` runs the models.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import cast

import numpy as np

from contract.answer import Classification, Detection, Detections, Embedding, Sentence, Tensors, read_main, read_result
from zoo.alterations import ALTERATIONS
from zoo.caption.scores import Cider, bleu
from zoo.coco import NAMES, Truth, average_precision, read_coco8
from zoo.faces.dataset import Photo, read_cmu, read_flickr8k
from zoo.scores import auc, balanced_accuracy
from zoo.served import Served

MIN_SCORE = 0.5  # of a face that counts
LEAST = 24  # pixels of a face's side in Flickr8k from which its photo counts
MOST_SAY = 3  # captions of five that must say so before a photo counts as one with a smile
SMILE, DARK, CLEAR = ("smil", "laugh", "grin"), ("sunglass", "shades"), ("glasses", "eyeglasses", "spectacles")
PHOTOS = ("bus.jpg", "zidane.jpg", "plane.jpg", "soccer.jpg", "surfing.jpg")
ATTRIBUTES = ("smiling", "sunglasses")


@dataclass(frozen=True)
class Answer:
    """What the service says of a photo; `attributes` are those of the main face, 0 without one, as in the classic
    answer."""

    faces: list[Detection]
    objects: Detections
    attributes: dict[str, float]
    caption: str

    @property
    def main_side(self) -> float:
        """Pixels of the largest face."""
        sides = (max(x2 - x1, y2 - y1) for x1, y1, x2, y2 in (face.box for face in self.faces))
        return max(sides, default=0.0)


Pair = tuple[Photo, Answer]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with faces/, flickr8k/ and photos/")
    parser.add_argument("--target", default="127.0.0.1:8001", help="Triton's gRPC address")
    arguments = parser.parse_args()
    served, data = Served(arguments.target), arguments.data
    flickr8k = read_flickr8k(data / "flickr8k")
    rows = [
        *score_photos(served, data / "photos"),
        *score_cmu(served, read_cmu(data / "faces")),
        *score_flickr8k(served, [photo for photo in flickr8k if photo.aside]),
        *score_objects(served, data / "photos" / "coco8"),
        *score_embedding(served, flickr8k),
    ]
    print(format_table(["model", "on", "score", "must reach", "reached"], rows))


def ask(served: Served, paths: Iterable[Path]) -> list[Answer]:
    return [read_answer(served, row) for row in served.ask([path.read_bytes() for path in paths])]


def read_answer(served: Served, row: Tensors) -> Answer:
    cards = served.catalog.cards
    faces = cast(Detections, read_result(cards["faces"], row)).keep(MIN_SCORE)
    mains = {name: cast(Classification | None, read_main(cards[name], row, cards.values())) for name in ATTRIBUTES}
    attributes = {name: main.positive if main else 0.0 for name, main in mains.items()}
    caption = cast(Sentence, read_result(cards["caption"], row))
    return Answer(faces, cast(Detections, read_result(cards["objects"], row)), attributes, caption.text)


def score_photos(served: Served, folder: Path) -> list[list[str]]:
    """What is said of single photos."""
    paths = [*(folder / name for name in PHOTOS), Path(str(files("skimage") / "data" / "astronaut.png"))]
    return [
        ["all", path.name, describe(answer), "", ""] for path, answer in zip(paths, ask(served, paths), strict=True)
    ]


def describe(answer: Answer) -> str:
    said = [f"{len(answer.faces)} faces", *(f"{name} {value:.2f}" for name, value in answer.attributes.items())]
    seen = ", ".join(f"{each.label} {each.score:.2f}" for each in answer.objects.keep())
    return f"{', '.join(said)}; {seen}; “{answer.caption}”"


def score_cmu(served: Served, photos: list[Photo]) -> list[list[str]]:
    """Faces in all photos; attributes of people who were kept aside."""
    pairs = list(zip(photos, ask(served, [photo.path for photo in photos]), strict=True))
    found = sum(bool(answer.faces) for _, answer in pairs)
    aside = [pair for pair in pairs if pair[0].aside]
    frontal = [pair for pair in aside if pair[0].pose == "straight" and pair[0].eyes == "open"]
    smiling, happy = collect(frontal, "smiling", lambda photo: photo.expression == "happy")
    sunglasses, worn = collect(aside, "sunglasses", lambda photo: photo.eyes == "sunglasses")
    balanced = balanced_accuracy(sunglasses > 0.5, worn)
    return [
        row("faces", f"{len(pairs)} photos of CMU, found", found, 450, "{:.0f}"),
        row("smiling", f"{len(frontal)} frontal photos of CMU people aside, AUC", auc(smiling, happy), 0.92),
        row("sunglasses", f"{len(aside)} photos of CMU people aside, balanced", balanced, 0.96),
    ]


def score_flickr8k(served: Served, photos: list[Photo]) -> list[list[str]]:
    """Sentences of all photos; attributes of those with a face."""
    pairs = list(zip(photos, ask(served, [photo.path for photo in photos]), strict=True))
    faces = [pair for pair in pairs if pair[1].main_side >= LEAST]
    return [*score_smiles(faces), *score_sunglasses(faces), *score_captions(pairs)]


def score_smiles(pairs: list[Pair]) -> list[list[str]]:
    """One caption that says "laughing" may speak of anybody. Photos of which some captions say so are left out."""
    pairs = [pair for pair in pairs if pair[0].mentions(*SMILE) == 0 or pair[0].mentions(*SMILE) >= MOST_SAY]
    probabilities, smiles = collect(pairs, "smiling", lambda photo: photo.mentions(*SMILE) > 0)
    on = f"{len(pairs)} photos of Flickr8k aside, {smiles.sum()} with smiles"
    return [
        row("smiling", f"{on}, AUC", auc(probabilities, smiles), 0.90),
        row("smiling", f"{on}, balanced", balanced_accuracy(probabilities > 0.5, smiles), 0.82),
    ]


def score_sunglasses(pairs: list[Pair]) -> list[list[str]]:
    """Captions say sunglasses, or glasses, which are clear ones for us, or nothing."""
    probabilities, dark = collect(pairs, "sunglasses", lambda photo: photo.mentions(*DARK) > 0)
    clear = np.array([photo.mentions(*CLEAR) > 0 for photo, _ in pairs]) & ~dark
    bare, yes = ~dark & ~clear, probabilities > 0.5
    on = f"{(~clear).sum()} photos of Flickr8k aside, {dark.sum()} with sunglasses"
    return [
        row("sunglasses", f"{on}, AUC", auc(probabilities[~clear], dark[~clear]), 0.92),
        row("sunglasses", f"{clear.sum()} with clear glasses, yes on", yes[clear].mean(), -0.25),
        row("sunglasses", f"{bare.sum()} without, yes on", yes[bare].mean(), -0.03),
    ]


def score_captions(pairs: list[Pair]) -> list[list[str]]:
    references = [photo.captions for photo, _ in pairs]
    sentences = [answer.caption.split() for _, answer in pairs]
    cider = Cider(references)
    similar = float(np.mean([cider.score(words, index) for index, words in enumerate(sentences)]))
    on = f"{len(pairs)} photos of Flickr8k aside"
    return [
        row("caption", f"{on}, BLEU-4", bleu(sentences, references)[3], 0.21),
        row("caption", f"{on}, CIDEr", similar, 0.55),
    ]


def score_objects(served: Served, folder: Path) -> list[list[str]]:
    truths: list[Truth] = read_coco8(folder)
    detections = [answer.objects for answer in ask(served, [truth.path for truth in truths])]
    found = [(each.boxes, each.scores, each.labels) for each in detections]
    assert detections[0].card.labels == list(NAMES)
    return [row("objects", f"{len(truths)} photos of COCO, AP50", average_precision(found, truths), 0.78)]


def score_embedding(served: Served, photos: list[Photo]) -> list[list[str]]:
    """Whether an altered photo's nearest neighbour among all photos is the photo itself."""
    images = [photo.path.read_bytes() for photo in photos]
    known = embed(served, images)
    aside = [index for index, photo in enumerate(photos) if photo.aside]
    rows = []
    for name, alter in ALTERATIONS.items():
        altered = embed(served, [alter(images[index]) for index in aside])
        found = (altered @ known.T).argmax(axis=1) == aside
        on = f"{len(aside)} photos, {name}: nearest of {len(photos)} is itself"
        rows.append(row("embedding", on, found.mean(), 0.99))
    return rows


def embed(served: Served, images: Sequence[bytes]) -> np.ndarray:
    """FP32 [N,D], of unit length."""
    card = served.catalog.cards["embedding"]
    return np.stack([cast(Embedding, read_result(card, each)).values for each in served.ask(images, [card.name])])


def collect(pairs: Sequence[Pair], name: str, truth: Callable[[Photo], bool]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities FP32 [N] and truth BOOL [N]."""
    return np.array([answer.attributes[name] for _, answer in pairs]), np.array([truth(photo) for photo, _ in pairs])


def row(model: str, on: str, score: float, wanted: float, form: str = "{:.3f}") -> list[str]:
    """`wanted` is the least, or, negative, the most."""
    reached = score >= wanted if wanted > 0 else score <= -wanted
    return [model, on, form.format(score), f"{'≥' if wanted > 0 else '≤'} {abs(wanted)}", "yes" if reached else "no"]


def format_table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows))


if __name__ == "__main__":
    main()
