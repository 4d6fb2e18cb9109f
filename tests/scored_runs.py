"""Scored datasets for tests of the report, with known effects: the same columns as `python -m scoring` writes."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contract.card import Card
from contract.tasks import Task
from scoring.schema import AFTER, BEFORE, make_schema
from scoring.tasks import list_columns

MODELS = [
    Card("smiling", Task.CLASSIFICATION, "1", "a" * 8, {}, ["not smiling", "smiling"], "smiling"),
    Card("sunglasses", Task.CLASSIFICATION, "1", "b" * 8, {}, ["none", "sunglasses"], "sunglasses"),
    Card("caption", Task.CAPTION, "1", "c" * 8, {}),
    Card("objects", Task.DETECTION, "1", "d" * 8, {}, ["circle", "square"]),
]
DIMENSIONS = 16
FIXED = {name for name, _ in (*BEFORE, *AFTER)}


def make_columns(rows: int, persons: int, effect: float, seed: int = 0) -> dict[str, list]:
    """`rows` photos of `persons`, whose popularity differs. Likes grow by `effect` with sunglasses and never with
    smiling; every 40th row has an error."""
    rng = np.random.default_rng(seed)
    person = rng.integers(persons, size=rows)
    habit = rng.beta(1, 1, persons)
    glasses, smiling = rng.random(rows) < habit[person], rng.random(rows) < 0.3
    likes = 100 + rng.normal(0, 20, persons)[person] + effect * glasses + rng.normal(0, 10, rows)
    bad = np.arange(rows) % 40 == 39
    return {
        "user": [f"user {number}" for number in person],
        "likes": likes.tolist(),
        "source": [f"photos/{number}.jpg" for number in range(rows)],
        "sha256": [f"{number:064x}" for number in range(rows)],
        "width": [640] * rows,
        "height": [480] * rows,
        "smiling": blank(probabilities(smiling, rng), bad),
        "sunglasses": blank(probabilities(glasses, rng), bad),
        "caption": blank(["a person with sunglasses" if yes else "a person" for yes in glasses], bad),
        "caption_score": blank(rng.normal(-5, 1, rows).tolist(), bad),
        "objects": blank([find(number % 3, rng) for number in range(rows)], bad),
        "error": ["picture: preprocess: cannot decode image: no JPEG" if each else None for each in bad],
        "models": [[(card.name, f"{card.version} {card.checksum}") for card in MODELS]] * rows,
        "seconds": [0.1] * rows,
    }


def probabilities(truth: np.ndarray, rng: np.random.Generator) -> list[float]:
    """Sure answers that are always right at the threshold 0.5."""
    return np.where(truth, rng.beta(9, 2, len(truth)) / 2 + 0.5, rng.beta(2, 9, len(truth)) / 2).tolist()


def find(number: int, rng: np.random.Generator) -> list[dict]:
    labels = ["circle", "square"]
    box = {"x": 1.0, "y": 1.0, "width": 5.0, "height": 5.0}
    return [{"label": labels[place % 2], "score": 0.3 + 0.7 * rng.random()} | box for place in range(number)]


def blank(values: list, bad: np.ndarray) -> list:
    return [None if failed else value for value, failed in zip(values, bad, strict=True)]


def write_run(
    folder: Path, columns: dict[str, list], models: list[Card] = MODELS, types: dict | None = None, parts: int = 2
) -> Path:
    """The columns as `parts` Parquet files, without those of MODELS that are not named; others are carried through.

    `types` of columns that are other than usual.
    """
    own = {name for card in [*MODELS, *models] for name, _ in list_columns(card)} | FIXED
    carried = pa.table({name: values for name, values in columns.items() if name not in own}).schema
    schema = make_schema(models, carried)
    for name, kind in (types or {}).items():
        schema = schema.set(schema.get_field_index(name), pa.field(name, kind))
    # The schema may have given a carried column another name.
    given = dict(zip(schema.names, carried.names, strict=False))
    table = pa.table([pa.array(columns[given.get(field.name, field.name)], field.type) for field in schema], schema)
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(table) // parts)
    for number in range(parts):
        pq.write_table(table.slice(number * size, size), folder / f"part-{number:06}.parquet")
    return folder
