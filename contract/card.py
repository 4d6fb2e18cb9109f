"""What the ensemble's config says about each model: one JSON card per model in `parameters`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

from contract.failure import UnknownModel, UnknownTask
from contract.tasks import DEFAULT_MIN_SCORE, IMAGE_SIZE, Task, output_names

# What a card says for readers alone: nothing is computed differently by it.
PROSE = ("about", "licence", "scores", "link")


@dataclass(frozen=True)
class Region:
    """Where a classifier or embedding looks: at boxes of the detector `of`, in place of the whole photo.

    `margin`: share of the box's longer side added on each side. The best `most` boxes of at least `min_score`, of
    `label` if one is given, are looked at.
    """

    of: str
    margin: float = 0.25
    most: int = 16
    min_score: float = 0.5
    label: str | None = None


@dataclass(frozen=True)
class Card:
    """One model of the ensemble.

    `labels`: class names by index, empty without classes. `positive`: the label whose probability stands for a
    classifier. `size`: numbers in an embedding. `min_score`: a detector's boxes below it are left out of answers.
    `default`: part of "everything"; otherwise only computed when it is asked for by name.
    """

    name: str
    task: Task
    version: str
    checksum: str
    geometry: dict[str, Any]
    labels: list[str] = field(default_factory=list)
    positive: str | None = None
    size: int | None = None
    min_score: float = DEFAULT_MIN_SCORE
    default: bool = True
    region: Region | None = None
    about: str = ""
    licence: str = ""
    scores: str = ""
    link: str = ""

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs in the ensemble."""
        return output_names(self.task, self.name)

    def to_dict(self) -> dict[str, Any]:
        """Without the fields that say nothing."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "", [])}

    def to_json(self) -> str:
        """The value of the ensemble's parameter `<name>`."""
        return json.dumps({key: value for key, value in self.to_dict().items() if key != "name"}, ensure_ascii=False)

    @classmethod
    def from_dict(cls, name: str, card: Mapping[str, Any]) -> "Card":
        """Fields of later versions of the contract are passed over.

        Raises:
            UnknownTask: names model and task.
        """
        if card["task"] not in list(Task):
            raise UnknownTask(name, card["task"])
        known = {each.name for each in fields(cls)} & card.keys()
        values = {key: card[key] for key in known} | {"name": name, "task": Task(card["task"])}
        if values.get("region"):
            values["region"] = Region(**values["region"])
        return cls(**values)


class Catalog:
    """The models by name, in the order of their names, and how many photos one request may have."""

    def __init__(self, cards: Iterable[Card], max_batch_size: int = 1) -> None:
        self.cards = {card.name: card for card in sorted(cards, key=lambda card: card.name)}
        self.max_batch_size = max(1, max_batch_size)

    @classmethod
    def from_config(cls, config: Any) -> "Catalog":
        """From the ensemble's ModelConfig message.

        Raises:
            UnknownTask: a card has a task that is not known here.
        """
        cards = [Card.from_dict(name, json.loads(value.string_value)) for name, value in config.parameters.items()]
        return cls(cards, config.max_batch_size)

    def select(self, names: Iterable[str] | None = None) -> list[Card]:
        """The named models; for None all that are part of "everything".

        Raises:
            UnknownModel: a name is unknown; lists the known ones.
        """
        if names is None:
            return [card for card in self.cards.values() if card.default]
        wanted = set(names)
        if unknown := sorted(wanted - self.cards.keys()):
            raise UnknownModel(unknown[0], list(self.cards))
        return [card for name, card in self.cards.items() if name in wanted]

    def with_detectors(self, cards: Iterable[Card]) -> list[Card]:
        """The models, and the detectors at whose boxes some of them look."""
        cards = list(cards)
        return self.select({card.name for card in cards} | {card.region.of for card in cards if card.region})


def list_outputs(cards: Iterable[Card]) -> list[str]:
    """The ensemble's outputs that answers about these models need: the photo's size, and theirs."""
    needed = {IMAGE_SIZE: None}
    for card in cards:
        needed |= dict.fromkeys([*card.outputs, *(output_names(Task.DETECTION, card.region.of) if card.region else ())])
    return list(needed)
