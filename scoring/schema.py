"""The dataset: the columns of `part-*.parquet`, and what the file's metadata tells of the models.

Columns, in this order:

1. the columns of the source table, under their own names (`table_<name>` where the name is one of those below);
2. `source` string; `sha256` string, of the file's bytes, null if they could not be read;
   `width`, `height` int32, pixels of the upright photo;
3. per classifier one float32, named after it: the probability of its positive label;
4. `caption` string, `caption_score` float32, its log-probability; `objects` list of structs, boxes in pixels of the
   upright photo, best first;
5. `error` string, null for a good row, otherwise "<kind>: <why>" with a kind of `ErrorKind`;
   `models` map, model to "<version> <checksum>"; `seconds` float32, from the first request to the answer.

Columns of models that were not asked for are absent. A row with an error has nulls in 3 and 4. The schema's metadata
has under `scoring` JSON: `{"models": {name: {task, labels, positive, version, checksum}}, "carried": [columns of 1]}`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

METADATA_KEY = b"scoring"
# The underscore keeps it out of what Parquet readers take for data.
MANIFEST = "_scoring.json"
PARTS = "part-*.parquet"

OBJECT = pa.struct([("label", pa.string())] + [(name, pa.float32()) for name in ("score", "x", "y", "width", "height")])
BEFORE = [("source", pa.string()), ("sha256", pa.string()), ("width", pa.int32()), ("height", pa.int32())]
AFTER = [("error", pa.string()), ("models", pa.map_(pa.string(), pa.string())), ("seconds", pa.float32())]
CLASH_PREFIX = "table_"


class Task(StrEnum):
    """What a model does, as its card says."""

    CLASSIFICATION = "classification"
    CAPTION = "caption"
    DETECTION = "detection"


class ErrorKind(StrEnum):
    """What `error` begins with. A broken picture stays broken; the others are asked again by the next run."""

    PICTURE = "picture"
    SOURCE = "source"
    SERVICE = "service"


@dataclass(frozen=True)
class Model:
    """One model of the ensemble `analyze`. `positive` is the label that a classifier's column stands for."""

    name: str
    task: Task
    labels: list[str]
    version: str
    checksum: str
    outputs: list[str]
    positive: str | None = None

    @classmethod
    def from_card(cls, name: str, card: Mapping) -> "Model":
        """`card`: the JSON of the ensemble's config parameter `name`."""
        task, labels = Task(card["task"]), card["labels"]
        positive = (card.get("positive") or labels[-1]) if task is Task.CLASSIFICATION else None
        return cls(name, task, labels, card["version"], card["checksum"], card["outputs"], positive)

    def describe(self) -> dict:
        """What the schema's metadata tells."""
        card = {"task": self.task, "labels": self.labels, "positive": self.positive}
        return card | {"version": self.version, "checksum": self.checksum}

    def columns(self) -> list[tuple[str, pa.DataType]]:
        """The columns that the model fills."""
        if self.task is Task.CLASSIFICATION:
            return [(self.name, pa.float32())]
        if self.task is Task.CAPTION:
            return [("caption", pa.string()), ("caption_score", pa.float32())]
        return [("objects", pa.list_(OBJECT))]


def make_schema(models: Iterable[Model], carried: pa.Schema) -> pa.Schema:
    """The dataset's schema. `carried`: columns of the source tables, under their own names."""
    models = sorted(models, key=lambda model: (list(Task).index(model.task), model.name))
    own = [*BEFORE, *(column for model in models for column in model.columns()), *AFTER]
    names = {name for name, _ in own}
    front = [(CLASH_PREFIX + field.name if field.name in names else field.name, field.type) for field in carried]
    metadata = {"models": {model.name: model.describe() for model in models}, "carried": [name for name, _ in front]}
    return pa.schema(front + own, metadata={METADATA_KEY: json.dumps(metadata)})


def read_metadata(schema: pa.Schema) -> dict:
    """What the schema tells of its models and carried columns.

    Raises:
        ValueError: the schema is not one of a scored dataset.
    """
    text = (schema.metadata or {}).get(METADATA_KEY)
    if text is None:
        raise ValueError("this is no dataset of `python -m scoring`: its Parquet metadata has no `scoring`")
    return json.loads(text)
