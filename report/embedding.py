"""Embeddings: near-duplicates among the photos of a run."""

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contract.tasks import Task
from report.dataset import Run
from report.options import Options
from report.section import Section
from report.table import Table, quantity

Vectors = NDArray[np.float32]

# Each photo is compared with each: beyond this, a random sample of as many is; the page says so.
MOST_PHOTOS = 50_000
MOST_PAIRS = 10_000
ROWS_PER_BLOCK = 2048


def describe_embeddings(run: Run, _: Run | None, options: Options) -> list[Section]:
    return [duplicates_section(run, name, options.min_cosine) for name in run.names(Task.EMBEDDING)]


def duplicates_section(run: Run, name: str, min_cosine: float) -> Section:
    sources, vectors = read_vectors(run, name)
    pairs, total, photos = find_duplicates(vectors, min_cosine)
    photo, near_duplicate = sources[pairs["first"]], sources[pairs["second"]]
    frame = pd.DataFrame({"photo": photo, "near_duplicate": near_duplicate, "cosine": pairs["cosine"]})
    different = quantity(len(sources), "different photo has", "different photos have")
    summary = f"{name}: {photos:,} of {different} a near-duplicate (a cosine of at least {min_cosine:g})."
    found = quantity(total, "pair", "pairs")
    text = [f"{found} of near-duplicates, the closest first. Files with the same bytes count as one photo."]
    if total > len(frame):
        text.append(f"The closest {len(frame):,} pairs are listed.")
    if len(sources) == MOST_PHOTOS:
        text.append(f"Of more photos, a random {MOST_PHOTOS:,} are compared with each other.")
    table = Table(f"{name}_duplicates", f"Near-duplicates by {name}", frame)
    return Section(f"model-{name}", f"Near-duplicates: {name}", [summary], text, tables=[table])


def read_vectors(run: Run, name: str) -> tuple[NDArray[np.object_], Vectors]:
    """Sources and unit vectors `[N,D]` of different photos; of more than MOST_PHOTOS the same random ones each time."""
    size, sha, vector = run.cards[name].size, run.column("sha256"), run.column(name)
    table = run.read(
        f"""WITH chosen AS (
            SELECT {sha} FROM {run.photos} WHERE {vector} IS NOT NULL
            GROUP BY {sha} ORDER BY hash({sha}) LIMIT {MOST_PHOTOS}
        )
        SELECT min({run.column("source")}) AS source, any_value({vector})::FLOAT[{size}] AS vector
        FROM {run.photos} SEMI JOIN chosen USING ({sha}) WHERE {vector} IS NOT NULL GROUP BY {sha} ORDER BY source"""
    )
    values = table["vector"].combine_chunks().flatten().to_numpy().reshape(-1, size)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return table["source"].to_numpy(), values / np.maximum(lengths, np.finfo(np.float32).tiny)


def find_duplicates(vectors: Vectors, min_cosine: float) -> tuple[pd.DataFrame, int, int]:
    """The closest MOST_PAIRS pairs (rows first and second, and cosine), the number of all pairs, and of photos in one.

    Block against block, so that memory does not grow with the number of pairs.
    """
    closest = pd.DataFrame({"first": [], "second": [], "cosine": []}).astype({"first": int, "second": int})
    total, paired = 0, np.zeros(len(vectors), bool)
    for top, left in combinations_with_replacement(range(0, len(vectors), ROWS_PER_BLOCK), 2):
        pairs = compare_blocks(vectors, top, left, min_cosine)
        total += len(pairs)
        paired[pairs["first"]] = paired[pairs["second"]] = True
        closest = pd.concat([closest, pairs]).nlargest(MOST_PAIRS, "cosine") if len(pairs) else closest
    return closest, total, int(paired.sum())


def compare_blocks(vectors: Vectors, top: int, left: int, min_cosine: float) -> pd.DataFrame:
    """The pairs between two blocks of rows, each pair once."""
    cosines = vectors[top : top + ROWS_PER_BLOCK] @ vectors[left : left + ROWS_PER_BLOCK].T
    first, second = np.nonzero(cosines >= min_cosine)
    pairs = pd.DataFrame({"first": first + top, "second": second + left, "cosine": cosines[first, second]})
    return pairs[pairs["first"] < pairs["second"]]
