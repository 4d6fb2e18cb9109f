"""Trains the caption network: `python -m zoo.caption.train --faces FOLDER`. Also writes the vocabulary."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from zoo import CHECKPOINTS
from zoo.caption.network import create_network
from zoo.caption.sentences import MIRRORED_POSE, Attributes, list_words, write_sentence
from zoo.caption.vocabulary import create_vocabulary, encode_sentence, write_vocabulary
from zoo.faces import Face
from zoo.training import Batch, draw_batches, parse_arguments, prepare, train

# <start>, at most 13 words, <end>.
LENGTH = 15


def main() -> None:
    """Trains, writes the state dict and, beside it, the vocabulary."""
    arguments = parse_arguments(__doc__, steps=3000, checkpoint=CHECKPOINTS / "caption.pt")
    faces = prepare(arguments)
    tokens = create_vocabulary(list_words())
    network = create_network(len(tokens))
    write = create_writer(faces, tokens, arguments.seed)

    def compute_loss(batch: Batch) -> Tensor:
        sentences = write(batch)
        logits = network((batch.pictures - 0.5) / 0.5, sentences[:, :-1])
        return functional.cross_entropy(logits.flatten(0, 1), sentences[:, 1:].flatten(), ignore_index=0)

    batches = draw_batches(arguments.faces, faces, grey=False, seed=arguments.seed)
    trained = train(network, compute_loss, batches, arguments.steps)
    torch.save(trained.state_dict(), arguments.output)
    write_vocabulary(tokens, arguments.output.with_suffix(".vocabulary.json"))


def create_writer(faces: list[Face], tokens: list[str], seed: int) -> Callable[[Batch], Tensor]:
    """A function from a batch to its sentences, int64 [N, LENGTH], in new wording each time."""
    rng = np.random.default_rng(seed)

    def write(batch: Batch) -> Tensor:
        pairs = zip(batch.indices.tolist(), batch.mirrored.tolist(), strict=True)
        sentences = [write_sentence(describe(faces[index], mirrored), rng) for index, mirrored in pairs]
        return torch.tensor([encode_sentence(sentence, tokens, LENGTH) for sentence in sentences])

    return write


def describe(face: Face, mirrored: bool) -> Attributes:
    """What can be said of `face`; in a mirrored picture left is right."""
    pose = MIRRORED_POSE.get(face.pose, face.pose) if mirrored else face.pose
    return Attributes(pose, face.expression, face.eyes)


if __name__ == "__main__":
    main()
