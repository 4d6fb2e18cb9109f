"""From token ids to a sentence."""

import json
from pathlib import Path

NO_SPACE_BEFORE = {".", ",", "!", "?", ":", ";"}


def read_vocabularies(path: Path) -> dict[str, list[str]]:
    """Tokens by id for each captioner."""
    return json.loads(path.read_text(encoding="utf-8"))


def to_sentence(ids, vocabulary: list[str]) -> str:
    """Words of the ids INT32 [T] up to `<end>`, without the other special tokens."""
    sentence = ""
    for token in (vocabulary[number] for number in ids):
        if token == "<end>":
            break
        if token.startswith("<"):
            continue
        sentence += token if token in NO_SPACE_BEFORE else f" {token}"
    return sentence.strip()
