"""The dataset: the columns of `part-*.parquet`, and what the file's metadata says of the models.

Columns, in this order:

1. the columns of the source table, under their own names (`table_<name>` where the name is one of those below or of
   an earlier column, in capitals or not; as often as it takes);
2. `source` string; `sha256` string, of the file's bytes, null if they could not be read;
   `width`, `height` int32, pixels of the upright photo;
3. the columns of each model: `scoring.tasks` has them;
4. `error` string, null for a good row, otherwise "<kind>: <why>" with a kind of `ErrorKind`;
   `models` map, model to "<version> <checksum>"; `seconds` float32, from the first request to the answer.

Columns of models that were not asked for are absent. A row with an error has nulls in 2 and 3 for what is not known.
The schema's metadata has under `scoring` JSON: `{"models": {name: card}, "carried": [columns of 1]}`.
"""

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import pyarrow as pa

from contract.card import PROSE, Card
from contract.tasks import Task
from scoring.errors import UsageError
from scoring.tasks import list_columns

METADATA_KEY = b"scoring"
# The underscore keeps it out of what Parquet readers take for data.
MANIFEST = "_scoring.json"
PARTS = "part-*.parquet"

BEFORE = [("source", pa.string()), ("sha256", pa.string()), ("width", pa.int32()), ("height", pa.int32())]
AFTER = [("error", pa.string()), ("models", pa.map_(pa.string(), pa.string())), ("seconds", pa.float32())]
CLASH_PREFIX = "table_"


class ErrorKind(StrEnum):
    """What `error` begins with. The first two stay; the others are asked again by the next run."""

    PICTURE = "picture"
    MODEL = "model"
    SOURCE = "source"
    SERVICE = "service"


PERMANENT = (ErrorKind.PICTURE, ErrorKind.MODEL)


def is_permanent(error: str | None) -> bool:
    """Whether asking again would give the same error."""
    return error is not None and error.startswith(tuple(f"{kind}:" for kind in PERMANENT))


def make_schema(cards: Iterable[Card], carried: pa.Schema) -> pa.Schema:
    """The dataset's schema. `carried`: columns of the source tables, under their own names.

    Raises:
        UsageError: two models, or a model and the dataset itself, fill one column.
    """
    cards = sorted(cards, key=lambda card: (list(Task).index(card.task), card.name))
    own = [*BEFORE, *(column for card in cards for column in list_columns(card, cards)), *AFTER]
    check_names([name for name, _ in own])
    front = [pa.field(name, field.type) for name, field in zip(rename(carried.names, own), carried, strict=True)]
    metadata = {"models": describe_models(cards), "carried": [field.name for field in front]}
    return pa.schema([*front, *map(pa.field, *zip(*own, strict=True))], metadata={METADATA_KEY: json.dumps(metadata)})


def check_names(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(
                f"the column {name!r} would be there twice: leave that model out with --outputs, or rename it"
            )
        seen.add(name)


def rename(carried: list[str], own: list[tuple[str, pa.DataType]]) -> list[str]:
    """The carried columns' names in the dataset. DuckDB and Spark do not tell `Width` from `width`."""
    taken = {name.lower() for name, _ in own}
    used = taken | {name.lower() for name in carried}
    names = []
    for name in carried:
        if name.lower() in taken:
            while name.lower() in used:
                name = CLASH_PREFIX + name
        taken.add(name.lower())
        used.add(name.lower())
        names.append(name)
    return names


def describe_models(cards: Iterable[Card]) -> dict[str, dict[str, Any]]:
    """The cards by name, as manifest and metadata have them, for `Card.from_dict`."""
    return {
        card.name: {key: value for key, value in card.to_dict().items() if key not in ("name", *PROSE)}
        for card in cards
    }


def read_metadata(schema: pa.Schema) -> dict:
    """What the schema says of its models and carried columns.

    Raises:
        ValueError: the schema is not one of a scored dataset.
    """
    text = (schema.metadata or {}).get(METADATA_KEY)
    if text is None:
        raise ValueError("this is no dataset of `python -m scoring`: its Parquet metadata has no `scoring`")
    return json.loads(text)
