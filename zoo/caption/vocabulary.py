"""The caption model's tokens: a JSON list beside the checkpoint; a token's id is its place in the list."""

import json
from collections import Counter
from collections.abc import Iterable

from zoo import CHECKPOINTS

PAD, START, END, UNKNOWN = "<pad>", "<start>", "<end>", "<unk>"
VOCABULARY = CHECKPOINTS / "caption.vocabulary.json"


def create_vocabulary(sentences: Iterable[list[str]], least: int) -> list[str]:
    """The four special tokens, then the words that occur `least` times or more, the commonest first."""
    counts = Counter(word for sentence in sentences for word in sentence)
    words = sorted((word for word in counts if counts[word] >= least), key=lambda word: (-counts[word], word))
    return [PAD, START, END, UNKNOWN, *words]


def read_vocabulary() -> list[str]:
    """The bundled tokens in the order of their ids."""
    tokens: list[str] = json.loads(VOCABULARY.read_text())
    return tokens


def write_vocabulary(tokens: list[str]) -> None:
    """Writes one token a line."""
    VOCABULARY.write_text(json.dumps(tokens, indent=0) + "\n")
