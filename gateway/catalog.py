"""What models there are and what their outputs mean, as the ensemble's own config tells it."""

import json
from dataclasses import dataclass

from gateway.problems import BadRequest, NoSuchModel


@dataclass(frozen=True)
class Model:
    """One model of the ensemble. `positive` is a classifier's label that `prob_<name>` stands for."""

    name: str
    task: str
    labels: list[str]
    version: str
    checksum: str
    geometry: dict
    outputs: list[str]
    positive: str | None = None

    def to_dict(self) -> dict:
        card = {"name": self.name, "task": self.task, "labels": self.labels, "version": self.version}
        return card | {"geometry": self.geometry, "checksum": self.checksum}


class Catalog:
    """The models by name, in the order of their names, and what the ensemble takes at a time."""

    def __init__(self, cards: dict[str, str], batch_size: int) -> None:
        """`cards`: the config's parameters, model name to JSON. `batch_size`: most photos in one request to Triton."""
        self.batch_size = max(1, batch_size)
        self.models = {name: Model(name=name, **json.loads(card)) for name, card in sorted(cards.items())}

    def select(self, features: list[str] | None) -> list[Model]:
        """The named models, all for None.

        Raises:
            BadRequest: a name is unknown; lists the known ones.
        """
        for name in features or []:
            if name not in self.models:
                raise BadRequest(f"no feature {name!r}; accepted are {', '.join(self.models)}")
        return [model for model in self.models.values() if features is None or model.name in features]

    def find(self, name: str) -> Model:
        """The model of that name.

        Raises:
            NoSuchModel: there is none; lists those that are.
        """
        if name not in self.models:
            raise NoSuchModel(f"no model {name!r}; there are {', '.join(self.models)}")
        return self.models[name]

    def classifiers(self) -> list[Model]:
        return [model for model in self.models.values() if model.task == "classification"]
