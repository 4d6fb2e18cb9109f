"""Sentences that say what a face's labels say, and the labels read back from a sentence.

Every label value has as many wordings as its rivals, and wordings are drawn alike, so that a decoder that picks the
likeliest word is not drawn to the value with the fewest synonyms. Left and right are the person's own.
"""

from dataclasses import dataclass

import numpy as np

# First wording: the usual one; the second is drawn in one sentence of five.
EXPRESSION_WORDS = {
    "neutral": ("a neutral", "a calm"),
    "happy": ("a happy", "a smiling"),
    "sad": ("a sad", "an unhappy"),
    "angry": ("an angry", "an annoyed"),
}
EYES_WORDS = {
    "open": ("without sunglasses", "with uncovered eyes"),
    "sunglasses": ("wearing sunglasses", "in dark glasses"),
}
POSE_WORDS = {
    "straight": ("straight ahead", "into the camera"),
    "left": ("to their left", "towards their left"),
    "right": ("to their right", "towards their right"),
    "up": ("up", "upward"),
}
TEMPLATES = (
    "{expression} person {eyes} looks {pose}",
    "a person {eyes} looks {pose} with {expression} face",
    "looking {pose} is {expression} person {eyes}",
)
TEMPLATE_SHARES = (0.7, 0.15, 0.15)
USUAL_WORDING = 0.8


@dataclass(frozen=True)
class Attributes:
    """What a sentence says; None where it does not say it."""

    pose: str | None
    expression: str | None
    eyes: str | None


def write_sentence(attributes: Attributes, rng: np.random.Generator) -> str:
    """One sentence for `attributes`, in a wording drawn by `rng`."""
    tables = {"pose": POSE_WORDS, "expression": EXPRESSION_WORDS, "eyes": EYES_WORDS}
    words = {name: _draw(table[getattr(attributes, name)], rng) for name, table in tables.items()}
    return str(rng.choice(TEMPLATES, p=TEMPLATE_SHARES)).format(**words)


def read_attributes(sentence: str) -> Attributes:
    """The labels that `sentence` states."""
    return Attributes(
        pose=_find(sentence, POSE_WORDS),
        expression=_find(sentence, EXPRESSION_WORDS),
        eyes=_find(sentence, EYES_WORDS),
    )


def list_words() -> list[str]:
    """Every word that `write_sentence` may use, sorted."""
    texts = [
        *TEMPLATES,
        *(text for table in (EXPRESSION_WORDS, EYES_WORDS, POSE_WORDS) for pair in table.values() for text in pair),
    ]
    return sorted({word for text in texts for word in text.split() if not word.startswith("{")})


def _draw(wordings: tuple[str, str], rng: np.random.Generator) -> str:
    return wordings[0] if rng.random() < USUAL_WORDING else wordings[1]


def _find(sentence: str, table: dict[str, tuple[str, str]]) -> str | None:
    padded = f" {sentence} "
    found = [value for value, wordings in table.items() if any(f" {wording} " in padded for wording in wordings)]
    return found[0] if len(found) == 1 else None
