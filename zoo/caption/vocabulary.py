"""The caption model's tokens: a JSON list beside the checkpoint; a token's id is its place in the list."""

import json
from pathlib import Path

from zoo import CHECKPOINTS

PAD, START, END, UNKNOWN = "<pad>", "<start>", "<end>", "<unk>"
VOCABULARY = CHECKPOINTS / "caption.vocabulary.json"


def create_vocabulary(words: list[str]) -> list[str]:
    """The four special tokens, then `words`."""
    return [PAD, START, END, UNKNOWN, *words]


def read_vocabulary(path: Path = VOCABULARY) -> list[str]:
    """The tokens in the order of their ids."""
    tokens: list[str] = json.loads(path.read_text())
    return tokens


def write_vocabulary(tokens: list[str], path: Path = VOCABULARY) -> None:
    """Writes one token a line."""
    path.write_text(json.dumps(tokens, indent=0) + "\n")


def encode_sentence(sentence: str, tokens: list[str], length: int) -> list[int]:
    """Ids of `<start> … <end>`, padded to `length`. Raises ValueError where the sentence is longer."""
    ids = {token: index for index, token in enumerate(tokens)}
    words = [START, *sentence.split(), END]
    if len(words) > length:
        raise ValueError(f"{len(words)} tokens do not fit in {length}: {sentence!r}")
    return [ids.get(word, ids[UNKNOWN]) for word in words] + [ids[PAD]] * (length - len(words))


def decode_tokens(token_ids: list[int], tokens: list[str]) -> str:
    """The sentence up to `<end>`."""
    words = [tokens[index] for index in token_ids]
    return " ".join(words[: words.index(END)] if END in words else words)
