"""One thing that was looked at, and what came of it."""

from typing import NamedTuple


class Check(NamedTuple):
    """`what` was looked at, what was `expected` in words, what was seen, and whether that will do."""

    what: str
    expected: str
    got: str
    ok: bool

    def __str__(self) -> str:
        words = f"{self.what} | expected {self.expected} | got {self.got} | {'ok' if self.ok else 'FAULT'}"
        return " ".join(words.split())


def same(what: str, expected: object, got: object) -> Check:
    return Check(what, str(expected), str(got), expected == got)


def near(what: str, expected: float, got: float | None, within: float) -> Check:
    ok = got is not None and abs(got - expected) <= within
    return Check(what, f"{expected:.4g} ± {within:g}", "nothing" if got is None else f"{got:.4g}", ok)


def says(what: str, got: str, *words: str) -> Check:
    """All of the words stand in the message."""
    return Check(what, " and ".join(map(repr, words)), got[:300], all(word in got for word in words))
