"""The service's JSON as dataclasses."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Attribute:
    """A classifier's answer: its likeliest label, and the probability of each."""

    label: str
    probability: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Caption:
    """A captioner's sentence; `score` is its log-probability."""

    text: str
    score: float


@dataclass(frozen=True)
class FoundObject:
    """Label, score in [0, 1], and the box (x, y, width, height) in pixels of the upright photo.

    `attributes` and `embeddings`: what other models say about the box, by name; None where they did not look.
    """

    label: str
    score: float
    box: tuple[float, float, float, float]
    attributes: dict[str, Attribute | None] = field(default_factory=dict)
    embeddings: dict[str, list[float] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What is in one photo, by the models' names. `error` says why there is nothing, and all numbers are 0 then;
    `seconds` is the time that its request took. An attribute or embedding is None where its model looks at boxes and
    there are none."""

    name: str
    width: int = 0
    height: int = 0
    attributes: dict[str, Attribute | None] = field(default_factory=dict)
    captions: dict[str, Caption] = field(default_factory=dict)
    objects: dict[str, list[FoundObject]] = field(default_factory=dict)
    embeddings: dict[str, list[float] | None] = field(default_factory=dict)
    error: str | None = None
    seconds: float = 0.0


def parse_image(name: str, image: dict[str, Any], seconds: float) -> Result:
    """One entry of the answer's `images`. Lists beside its own members are a detector's, sentences a captioner's."""
    return Result(
        name=name,
        width=image["width"],
        height=image["height"],
        attributes=parse_attributes(image),
        captions={key: Caption(**value) for key, value in image.items() if isinstance(value, dict) and "text" in value},
        objects={key: list(map(parse_object, value)) for key, value in image.items() if isinstance(value, list)},
        embeddings=image.get("embeddings", {}),
        seconds=seconds,
    )


def parse_attributes(described: dict[str, Any]) -> dict[str, Attribute | None]:
    """The attributes of a photo or of an object."""
    return {name: value and Attribute(**value) for name, value in described.get("attributes", {}).items()}


def parse_object(found: dict[str, Any]) -> FoundObject:
    left, top, width, height = (found["box"][side] for side in ("x", "y", "width", "height"))
    return FoundObject(
        label=found["label"],
        score=found["score"],
        box=(left, top, width, height),
        attributes=parse_attributes(found),
        embeddings=found.get("embeddings", {}),
    )
