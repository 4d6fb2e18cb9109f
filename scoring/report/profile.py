"""What is in a run, counted in one pass whose memory does not grow with the number of photos."""

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoring.report.dataset import Run

BINS = 50
MOST_KINDS = 200
OTHER = "other errors"
# Words that say nothing of a photo.
FUNCTION_WORDS = frozenset({"a", "an", "and", "are", "at", "by", "in", "is", "of", "on", "the", "there", "to", "with"})


@dataclass
class Profile:
    """Counts of one run. Histograms have BINS equal bins of [0, 1]; objects count from `min_score` up."""

    photos: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    error_sources: dict[str, str] = field(default_factory=dict)
    histograms: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    answered: Counter[str] = field(default_factory=Counter)
    positives: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    photos_with: Counter[str] = field(default_factory=Counter)
    captions: int = 0
    words: Counter[str] = field(default_factory=Counter)
    versions: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def good(self) -> int:
        return self.photos - self.failed


def profile(run: Run, threshold: float, min_score: float) -> Profile:
    """Count everything. A probability of at least `threshold` is a yes."""
    result = Profile(histograms={name: np.zeros(BINS, np.int64) for name in run.classifiers})
    for batch in run.batches(["source", "error", *run.classifiers, *run.only("caption", "objects", "models")]):
        count_errors(batch, result)
        good = batch.filter(batch["error"].is_null())
        for name in run.classifiers:
            count_probabilities(name, good[name], threshold, result)
        if "caption" in run.columns:
            count_words(good["caption"], result)
        if "objects" in run.columns:
            count_objects(good["objects"], min_score, result)
        if "models" in run.columns:
            count_versions(good["models"], result)
    return result


def count_errors(batch: pa.RecordBatch, result: Profile) -> None:
    bad = batch.select(["source", "error"]).filter(batch["error"].is_valid())
    result.photos += len(batch)
    result.failed += len(bad)
    for source, error in zip(bad["source"].to_pylist(), bad["error"].to_pylist(), strict=True):
        kind = kind_of(error)
        if kind not in result.errors and len(result.errors) >= MOST_KINDS:
            kind = OTHER
        result.errors[kind] += 1
        result.error_sources.setdefault(kind, str(source))


def kind_of(error: str) -> str:
    """What errors that differ in names and numbers have in common: `picture: image has # pixels`."""
    start = re.split(r"['\"<(,;]|: (?=[^:]*[/\\])", error.strip(), maxsplit=1)[0]
    return re.sub(r"\d+", "#", ": ".join(start.split(": ")[:3])).rstrip(" :,")[:120] or "unnamed error"


def count_probabilities(name: str, column: pa.Array, threshold: float, result: Profile) -> None:
    values = to_floats(column)
    values = values[np.isfinite(values)]
    bins = np.clip((values * BINS).astype(np.int64), 0, BINS - 1)
    result.histograms[name] += np.bincount(bins, minlength=BINS)
    result.answered[name] += len(values)
    result.positives[name] += int(np.count_nonzero(values >= threshold))


def to_floats(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """Numbers as float64, null as NaN."""
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def count_words(column: pa.Array, result: Profile) -> None:
    """Captions that hold a word; each counts once per caption, however often it stands there."""
    for entry in pc.value_counts(column.drop_null()).to_pylist():
        result.captions += entry["counts"]
        for word in set(re.findall(r"[^\W_][\w'-]*", entry["values"].lower())) - FUNCTION_WORDS:
            result.words[word] += entry["counts"]


def count_objects(column: pa.ListArray, min_score: float, result: Profile) -> None:
    """Objects per label, and photos with at least one."""
    found = column.flatten()
    kept = to_floats(found.field("score")) >= min_score
    labels = pc.dictionary_encode(pc.fill_null(found.field("label"), ""))
    names, label = labels.dictionary.to_pylist(), labels.indices.to_numpy()[kept].astype(np.int64)
    photo = pc.list_parent_indices(column).to_numpy()[kept]
    add_counts(result.objects, names, label)
    if names:
        add_counts(result.photos_with, names, np.unique(photo * len(names) + label) % len(names))


def add_counts(counter: Counter[str], names: list[str], places: NDArray[np.int64]) -> None:
    """Count `names[place]` for each place; names that do not occur stay out."""
    numbers = np.bincount(places, minlength=len(names))
    counter.update({name: int(number) for name, number in zip(names, numbers, strict=True) if number})


def count_versions(column: pa.MapArray, result: Profile) -> None:
    """Photos by model and version. A run that was continued after a change has several versions of one model."""
    # Keys and values of the array's whole buffer: a slice begins later and ends earlier.
    offsets = column.offsets
    first, size = offsets[0].as_py(), offsets[-1].as_py() - offsets[0].as_py()
    names, versions = column.keys.slice(first, size), column.items.slice(first, size)
    pairs = pc.binary_join_element_wise(names, pc.fill_null(versions, ""), "\0")
    for entry in pc.value_counts(pairs).to_pylist():
        name, _, version = entry["values"].partition("\0")
        result.versions[name, version] += entry["counts"]
