"""Scored datasets for tests of the report, with known effects: the same columns as `python -m scoring` writes."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from report.dataset import Model
from scoring.schema import METADATA_KEY

MODELS = [
    Model("smiling", "classification", "1", "a" * 8, "smiling"),
    Model("sunglasses", "classification", "1", "b" * 8, "sunglasses"),
    Model("caption", "caption", "1", "c" * 8),
    Model("objects", "detection", "1", "d" * 8),
]
BOX = pa.struct([("label", pa.string())] + [(name, pa.float32()) for name in ("score", "x", "y", "width", "height")])
TYPES = {
    "width": pa.int32(),
    "height": pa.int32(),
    "error": pa.string(),
    "models": pa.map_(pa.string(), pa.string()),
    "seconds": pa.float32(),
}
DIMENSIONS = 16


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
        "models": [[(model.name, model.release) for model in MODELS]] * rows,
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


def model_columns(model: Model) -> dict[str, pa.DataType]:
    return {
        "classification": {model.name: pa.float32()},
        "caption": {model.name: pa.string(), f"{model.name}_score": pa.float32()},
        "detection": {model.name: pa.list_(BOX)},
        "embedding": {model.name: pa.list_(pa.float32(), DIMENSIONS)},
    }.get(model.task, {model.name: None})


def write_run(folder: Path, columns: dict[str, list], models: list[Model] = MODELS, parts: int = 2) -> Path:
    """The columns as `parts` Parquet files, without those of MODELS that are not named; others are carried through."""
    types = TYPES | {name: kind for model in models for name, kind in model_columns(model).items()}
    left_out = {name for model in MODELS for name in model_columns(model)} - types.keys()
    cards = {
        model.name: {"task": model.task, "labels": [], "positive": model.positive}
        | {"version": model.version, "checksum": model.checksum}
        for model in models
    }
    arrays = {name: pa.array(values, types.get(name)) for name, values in columns.items() if name not in left_out}
    table = pa.table(arrays).replace_schema_metadata({METADATA_KEY: json.dumps({"models": cards, "carried": []})})
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(table) // parts)
    for number in range(parts):
        pq.write_table(table.slice(number * size, size), folder / f"part-{number:05}.parquet")
    return folder
