"""A run: the Parquet dataset that `python -m scoring` wrote, read column by column and batch by batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from scoring.report.errors import ReportError
from scoring.schema import PARTS, Model, Task, read_metadata
from scoring.storage import open_store

ROWS_PER_BATCH = 65536


@dataclass(frozen=True)
class Run:
    """One scored dataset. `models` by name, as the schema's metadata tells them."""

    folder: str
    dataset: ds.Dataset
    models: dict[str, Model]

    @property
    def columns(self) -> list[str]:
        return self.dataset.schema.names

    @property
    def classifiers(self) -> list[str]:
        """Columns that hold the probability of a classifier's positive label."""
        models = self.models.values()
        return [each.name for each in models if each.task is Task.CLASSIFICATION and each.name in self.columns]

    def describe(self, classifier: str) -> str:
        """Its name, and what a yes means where that is something else."""
        positive = self.models[classifier].positive
        return classifier if positive == classifier else f"{classifier} (yes: {positive})"

    def only(self, *names: str) -> list[str]:
        """Those of the columns that this run has."""
        return [name for name in names if name in self.columns]

    def batches(self, columns: Sequence[str], *, good: bool = False) -> Iterator[pa.RecordBatch]:
        """The columns, batch after batch; `good` leaves out the rows that have an error.

        Raises ReportError when a part cannot be read.
        """
        chosen = ds.field("error").is_null() if good else None
        schema = self.dataset.schema
        try:
            # One row group at a time: a scanner of the whole dataset reads ahead without end of a slow consumer.
            for part in self.dataset.get_fragments():
                for group in part.split_by_row_group(schema=schema):
                    yield from group.to_batches(schema, list(columns), chosen, ROWS_PER_BATCH)
        except (pa.ArrowException, OSError) as error:
            raise ReportError(f"cannot read {self.folder}: {first_line(error)}") from error

    def read(self, columns: Sequence[str], *, good: bool = False) -> pa.Table:
        """The columns in memory."""
        schema = pa.schema([self.dataset.schema.field(name) for name in columns])
        return pa.Table.from_batches(self.batches(columns, good=good), schema)


def open_run(folder: str) -> Run:
    """The dataset of a folder or URI. Raises ReportError if there is none, or it has no classifier."""
    try:
        store, path = open_store(folder)
        parts = list_parts(store, path)
        if not parts:
            raise ReportError(f"{folder} holds no {PARTS}; give the folder that `python -m scoring --out` wrote")
        dataset = ds.dataset(parts, filesystem=store, format="parquet")
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ReportError(f"cannot read {folder}: {first_line(error)}") from error
    missing = {"source", "error"} - set(dataset.schema.names)
    if missing:
        raise ReportError(f"{folder} lacks the columns {sorted(missing)}; `python -m scoring` writes them")
    run = Run(folder, dataset, read_models(folder, dataset.schema))
    if not run.classifiers:
        raise ReportError(f"{folder} has no classifier columns; score with a classifier among --outputs")
    return run


def list_parts(store: fs.FileSystem, path: str) -> list[str]:
    """The finished parts, by name; none where there is no such folder."""
    found = store.get_file_info(fs.FileSelector(path, allow_not_found=True))
    return sorted(info.path for info in found if fnmatch(info.base_name, PARTS))


def read_models(folder: str, schema: pa.Schema) -> dict[str, Model]:
    """The models that the schema's metadata describes. Raises ReportError when it does not."""
    try:
        cards = read_metadata(schema)["models"]
        return {name: Model.from_card(name, {"outputs": []} | card) for name, card in cards.items()}
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise ReportError(
            f"{folder} does not describe its models; `python -m scoring` writes datasets that do"
        ) from error


def require(run: Run, column: str, flag: str) -> pa.DataType:
    """The column's type. Raises ReportError, with the columns that there are, if it is not in the dataset."""
    if column not in run.columns:
        raise ReportError(f"{flag} {column}: no such column in {run.folder}; it has {', '.join(run.columns)}")
    return run.dataset.schema.field(column).type


def first_line(error: BaseException) -> str:
    """The start of a foreign message, for a one-line error."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
