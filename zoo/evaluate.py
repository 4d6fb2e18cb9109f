"""Scores the served models, through Triton, on what they were never trained on: python -m zoo.evaluate --data FOLDER

The folder has `faces/` (CMU Face Images), `flickr8k/` and `photos/`; `make serve` runs the models.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
from tqdm import tqdm
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from contract.answer import Detection, Detections, Sentence, read_result, read_rows
from contract.card import Catalog, list_outputs
from contract.channel import open_channel
from contract.request import make_request
from contract.tasks import ENSEMBLE
from zoo.caption.scores import Cider, bleu
from zoo.coco import NAMES, Truth, average_precision, read_coco8
from zoo.faces.dataset import Photo, read_cmu, read_flickr8k
from zoo.scores import auc, balanced_accuracy

BATCH = 8
MIN_SCORE = 0.5  # of a face that counts
LEAST = 24  # pixels of a face's side in Flickr8k from which its photo counts
SMILE, DARK, CLEAR = ("smil", "laugh", "grin"), ("sunglass", "shades"), ("glasses", "eyeglasses", "spectacles")
PHOTOS = ("bus.jpg", "zidane.jpg", "plane.jpg", "soccer.jpg", "surfing.jpg")


@dataclass(frozen=True)
class Answer:
    """What the service says of a photo; `faces` with what each attribute's model says of them."""

    faces: list[Detection]
    objects: Detections
    attributes: dict[str, list[float]]
    caption: str

    @property
    def main(self) -> int | None:
        """Index of the largest face."""
        sides = [max(x2 - x1, y2 - y1) for x1, y1, x2, y2 in (face.box for face in self.faces)]
        return int(np.argmax(sides)) if sides else None

    def positive(self, name: str) -> float:
        """Of the main face; 0 without one, as in the classic answer."""
        return 0.0 if self.main is None else self.attributes[name][self.main]


Ask = Callable[[Sequence[Path]], list[Answer]]
Pair = tuple[Photo, Answer]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with faces/, flickr8k/ and photos/")
    parser.add_argument("--target", default="127.0.0.1:8001", help="Triton's gRPC address")
    arguments = parser.parse_args()
    ask = partial(ask_service, open_channel(arguments.target))
    rows = [
        *score_photos(ask, arguments.data / "photos"),
        *score_cmu(ask, read_cmu(arguments.data / "faces")),
        *score_flickr8k(ask, [photo for photo in read_flickr8k(arguments.data / "flickr8k") if photo.aside]),
        *score_objects(ask, arguments.data / "photos" / "coco8"),
    ]
    print(format_table(["model", "on", "score", "must reach", "reached"], rows))


def ask_service(channel, paths: Sequence[Path]) -> list[Answer]:
    """The one source of predictions: `analyze` of the running service."""
    stub = GRPCInferenceServiceStub(channel)
    config = stub.ModelConfig(messages.ModelConfigRequest(name=ENSEMBLE)).config
    catalog = Catalog.from_config(config)
    outputs = list_outputs(catalog.select())
    answers = []
    for first in tqdm(range(0, len(paths), BATCH), desc="photos", leave=False):
        images = [path.read_bytes() for path in paths[first : first + BATCH]]
        response = stub.ModelInfer(make_request(images, outputs))
        answers += [read_answer(catalog, row) for row in read_rows(response)]
    return answers


def read_answer(catalog: Catalog, row: dict[str, np.ndarray]) -> Answer:
    cards = catalog.cards
    faces = read_result(cards["faces"], row).keep(MIN_SCORE)
    attributes = {}
    for name in ("smiling", "sunglasses"):
        found = read_result(cards[name], row)
        attributes[name] = [found[face.index].positive if found[face.index] else 0.0 for face in faces]
    caption = read_result(cards["caption"], row)
    assert isinstance(caption, Sentence)
    return Answer(faces, read_result(cards["objects"], row), attributes, caption.text)


def score_photos(ask: Ask, folder: Path) -> list[list[str]]:
    """What is said of single photos."""
    paths = [folder / name for name in PHOTOS]
    paths.append(Path(str(files("skimage") / "data" / "astronaut.png")))
    rows = []
    for path, answer in zip(paths, ask(paths), strict=True):
        main = (
            ""
            if answer.main is None
            else f", smiling {answer.positive('smiling'):.2f}, sunglasses {answer.positive('sunglasses'):.2f}"
        )
        seen = ", ".join(f"{each.label} {each.score:.2f}" for each in answer.objects.keep())
        rows.append(["all", path.name, f"{len(answer.faces)} faces{main}; {seen}; “{answer.caption}”", "", ""])
    return rows


def score_cmu(ask: Ask, photos: list[Photo]) -> list[list[str]]:
    """Faces in all photos; attributes of people who were kept aside."""
    pairs = list(zip(photos, ask([photo.path for photo in photos]), strict=True))
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


def score_flickr8k(ask: Ask, photos: list[Photo]) -> list[list[str]]:
    """Sentences of all photos; attributes of those with a face."""
    pairs = list(zip(photos, ask([photo.path for photo in photos]), strict=True))
    faces = [pair for pair in pairs if main_side(pair[1]) >= LEAST]
    return [*score_smiles(faces), *score_sunglasses(faces), *score_captions(pairs)]


def score_smiles(pairs: list[Pair]) -> list[list[str]]:
    """One caption of five that says "laughing" may speak of anybody: a photo counts as one with a smile from two on."""
    pairs = [pair for pair in pairs if pair[0].mentions(*SMILE) != 1]
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


def score_objects(ask: Ask, folder: Path) -> list[list[str]]:
    truths: list[Truth] = read_coco8(folder)
    detections = [answer.objects for answer in ask([truth.path for truth in truths])]
    found = [(each.boxes, each.scores, each.labels) for each in detections]
    assert detections[0].card.labels == list(NAMES)
    return [row("objects", f"{len(truths)} photos of COCO, AP50", average_precision(found, truths), 0.78)]


def main_side(answer: Answer) -> float:
    if answer.main is None:
        return 0.0
    x1, y1, x2, y2 = answer.faces[answer.main].box
    return max(x2 - x1, y2 - y1)


def collect(pairs: Sequence[Pair], name: str, truth: Callable[[Photo], bool]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities FP32 [N] and truth BOOL [N]."""
    return np.array([answer.positive(name) for _, answer in pairs]), np.array([truth(photo) for photo, _ in pairs])


def row(model: str, on: str, score: float, wanted: float, form: str = "{:.3f}") -> list[str]:
    """`wanted` is the least, or, negative, the most."""
    reached = score >= wanted if wanted > 0 else score <= -wanted
    return [model, on, form.format(score), f"{'≥' if wanted > 0 else '≤'} {abs(wanted)}", "yes" if reached else "no"]


def format_table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows))


if __name__ == "__main__":
    main()
