"""The good photos of a run in memory: answers, person and outcome of each; some 8 bytes per photo and column."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoring.report.dataset import Run, require
from scoring.report.errors import ReportError
from scoring.report.profile import to_floats


@dataclass(frozen=True)
class Photos:
    """Per photo, all `[N]`: `answers` 1 yes, 0 no, NaN no answer; `outcome` NaN where there is none; `person` an index
    into `persons`, -1 where there is none."""

    answers: dict[str, NDArray[np.float32]]
    outcome: NDArray[np.float64] | None = None
    person: NDArray[np.int64] | None = None
    persons: pd.Index | None = None

    def __len__(self) -> int:
        return len(next(iter(self.answers.values())))


def read_photos(run: Run, threshold: float, by: str | None, outcome: str | None) -> Photos:
    """Raises ReportError for a column that is not there, or an outcome that is no number."""
    if by is not None:
        require(run, by, "--by")
    if outcome is not None:
        require_number(run, outcome)
    columns = list(dict.fromkeys([*run.classifiers, *filter(None, (by, outcome))]))
    table = run.read(columns, good=True)
    answers = {name: answer(table[name], threshold) for name in run.classifiers}
    if not len(table):
        raise ReportError(f"{run.folder} holds no photo that could be read, so there is nothing to compare")
    person, persons = (None, None) if by is None else code(table[by])
    return Photos(answers, None if outcome is None else finite(table[outcome]), person, persons)


def require_number(run: Run, column: str) -> None:
    kind = require(run, column, "--outcome")
    types = pa.types
    accepted = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    if not any(accepts(kind) for accepts in accepted):
        raise ReportError(f"--outcome {column}: holds {kind}; a column of numbers is needed")


def answer(column: pa.ChunkedArray, threshold: float) -> NDArray[np.float32]:
    values = to_floats(column)
    return np.where(np.isfinite(values), values >= threshold, np.nan).astype(np.float32)


def finite(column: pa.ChunkedArray) -> NDArray[np.float64]:
    values = to_floats(column)
    return np.where(np.isfinite(values), values, np.nan)


def code(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], pd.Index]:
    """Persons as numbers: the index of each photo's person, and the persons."""
    try:
        coded = pc.dictionary_encode(column).combine_chunks()
    except pa.ArrowNotImplementedError as error:
        raise ReportError(f"--by: a column of {column.type} cannot name persons; text or numbers can") from error
    numbers = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers, pd.Index(coded.dictionary.to_pylist(), dtype=object)
