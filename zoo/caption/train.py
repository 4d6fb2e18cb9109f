"""Trains the caption network: `python -m zoo.caption.train --faces FOLDER`. Also writes the vocabulary."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo import CHECKPOINTS
from zoo.augmentation import Mix
from zoo.caption.network import WIDTH, CaptionNetwork, create_network
from zoo.caption.sentences import Attributes, list_words, write_sentence
from zoo.caption.vocabulary import create_vocabulary, encode_sentence, write_vocabulary
from zoo.faces import EXPRESSIONS, EYES, POSES, Face
from zoo.lessons import choose_mix, name_pose, spread_heads
from zoo.training import Batch, draw_batches, parse_arguments, prepare, train

# <start>, at most 13 words, <end>.
LENGTH = 15
# Heads down to a fifth of the picture's width, as in portraits that show the shoulders.
FAR = Mix(cut_out=0.45, replaced_zoom=(0.45, 2.4))
VALUES = {"pose": POSES, "expression": EXPRESSIONS, "eyes": EYES}


def main() -> None:
    """Trains, writes the state dict and, beside it, the vocabulary."""
    arguments = parse_arguments(__doc__, steps=6000, checkpoint=CHECKPOINTS / "caption.pt")
    faces = prepare(arguments)
    tokens = create_vocabulary(list_words())
    course = Course(create_network(len(tokens)), faces, tokens, arguments.seed)
    batches = draw_batches(
        arguments.faces,
        faces,
        grey=True,
        seed=arguments.seed,
        size=32,
        choose_mix=lambda step: choose_mix(step, arguments.steps, then=FAR),
    )
    trained = train(course, course.compute_loss, batches, arguments.steps)
    torch.save(trained.network.state_dict(), arguments.output)
    write_vocabulary(tokens, arguments.output.with_suffix(".vocabulary.json"))


class Course(nn.Module):
    """The network in training, with an answer to each attribute beside the sentence.

    A sentence's words say little about the picture; without these answers the features stay blind for long.
    """

    def __init__(self, network: CaptionNetwork, faces: list[Face], tokens: list[str], seed: int) -> None:
        super().__init__()
        self.network = network
        self.answers = nn.ModuleDict({name: nn.Linear(2 * WIDTH, len(values)) for name, values in VALUES.items()})
        self.faces, self.tokens, self.rng = faces, tokens, np.random.default_rng(seed)

    def compute_loss(self, batch: Batch) -> Tensor:
        """Cross entropy of words, attributes and place."""
        pairs = zip(batch.indices.tolist(), batch.mirrored.tolist(), strict=True)
        truths = [describe(self.faces[index], mirrored) for index, mirrored in pairs]
        features, place = self.network.look((batch.pictures - 0.5) / 0.5)
        sentences = self._write_sentences(truths)
        words = self.network.write(features, sentences[:, :-1])
        loss = functional.cross_entropy(words.flatten(0, 1), sentences[:, 1:].flatten(), ignore_index=0)
        loss = loss + 0.2 * functional.cross_entropy(place, spread_heads(batch.heads))
        for name, values in VALUES.items():
            target = torch.tensor([values.index(getattr(truth, name)) for truth in truths])
            loss = loss + 0.3 * functional.cross_entropy(self.answers[name](features), target, label_smoothing=0.05)
        return loss

    def _write_sentences(self, truths: list[Attributes]) -> Tensor:
        """Token ids int64 [N, LENGTH], in new wording each time."""
        sentences = [write_sentence(truth, self.rng) for truth in truths]
        return torch.tensor([encode_sentence(sentence, self.tokens, LENGTH) for sentence in sentences])


def describe(face: Face, mirrored: bool) -> Attributes:
    """What can be said of a picture of `face`."""
    return Attributes(name_pose(face, mirrored), face.expression, face.eyes)


if __name__ == "__main__":
    main()
