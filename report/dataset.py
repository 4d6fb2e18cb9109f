"""A run: the Parquet dataset that `python -m scoring` wrote, as views in DuckDB."""

import glob
import re
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatch

import duckdb
import pandas as pd
import pyarrow as pa
from duckdb import DuckDBPyConnection
from pyarrow import parquet

from contract.card import Card
from contract.failure import UnknownTask
from contract.tasks import Task
from report.errors import ReportError, first_line
from scoring.schema import PARTS, read_metadata
from scoring.storage import get_protocol, open_store

# Faults of a query; all other errors of DuckDB are about parts that it cannot read.
QUERY_ERRORS = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)


@dataclass(frozen=True)
class Run:
    """One scored dataset. `rows` and `photos` are views: all rows, and those without an error. `types` of the columns
    are Arrow's; `identifiers` are the columns' names in DuckDB, which knows no upper and lower case. A photo is
    positive from a probability of `threshold`; boxes count from a score of `min_score`, None for what each detector's
    card says."""

    folder: str
    database: DuckDBPyConnection
    rows: str
    cards: dict[str, Card]
    types: dict[str, pa.DataType]
    identifiers: dict[str, str]
    threshold: float
    min_score: float | None

    @property
    def photos(self) -> str:
        return f"{self.rows}_photos"

    def names(self, task: Task) -> list[str]:
        """The models of a task."""
        return [card.name for card in self.cards.values() if card.task == task]

    def version(self, name: str) -> str:
        """As the column `models` has it."""
        card = self.cards.get(name)
        return f"{card.version} {card.checksum}" if card else "absent"

    def meaning(self, name: str) -> tuple:
        """What a model's column is about: runs where this differs cannot be compared."""
        card = self.cards[name]
        return card.task, card.positive, card.size, self.types[name]

    def describe(self, name: str) -> str:
        """A model's name, and the positive label where that is another word."""
        positive = self.cards[name].positive
        return name if positive in (None, name) else f"{name} (positive: {positive})"

    def column(self, name: str) -> str:
        """A column in SQL."""
        return '"' + self.identifiers[name].replace('"', '""') + '"'

    def number(self, name: str) -> str:
        """A column as a number in SQL, null where it is none. Text, as a CSV file gives it, may spell one."""
        column = self.column(name)
        return finite(spelled(column) if is_text(self.types[name]) else column)

    def positive(self, name: str) -> str:
        """Whether a photo shows a classifier's positive label, in SQL; null without a prediction."""
        return f"({self.column(name)} >= {self.threshold}::DOUBLE)"

    def lowest_score(self, name: str) -> float:
        """From which score a detector's boxes count."""
        return self.cards[name].min_score if self.min_score is None else self.min_score

    def labels(self, name: str) -> str:
        """The labels of a detector's boxes as a list in SQL; null without an answer."""
        return f"[box.label FOR box IN {self.column(name)} IF box.score >= {self.lowest_score(name)}::FLOAT]"

    def read(self, sql: str) -> pa.Table:
        """The result of SQL. Raises ReportError when a part cannot be read."""
        try:
            return self.database.sql(sql).to_arrow_table()
        except QUERY_ERRORS:
            raise
        except duckdb.Error as error:
            raise ReportError(f"cannot read {self.folder}: {first_line(error)}") from error

    def query(self, sql: str) -> pd.DataFrame:
        return self.read(sql).to_pandas()

    def row(self, sql: str) -> list:
        """The only row of the result."""
        (row,) = self.read(sql).to_pylist()
        return list(row.values())

    def require(self, column: str, flag: str) -> pa.DataType:
        """The column's type. Raises ReportError, with the columns that there are, for one that is not there."""
        if column not in self.types:
            raise ReportError(f"{flag} {column}: no such column in {self.folder}; it has {', '.join(self.types)}")
        return self.types[column]


def connect() -> DuckDBPyConnection:
    """A database in memory that spills to disk and loads nothing from the network."""
    return duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "temp_directory": tempfile.gettempdir(),
        }
    )


def open_run(database: DuckDBPyConnection, folder: str, rows: str, threshold: float, min_score: float | None) -> Run:
    """The dataset of a folder or URI; `rows` names its view. Raises ReportError when there is none."""
    try:
        parts, schema = find_parts(database, folder)
        relation = database.read_parquet(parts)
        relation.create_view(rows)
    except (OSError, ValueError, ImportError, duckdb.Error) as error:
        raise ReportError(f"cannot read {folder}: {first_line(error)}") from error
    types = dict(zip(schema.names, schema.types, strict=True))
    identifiers = dict(zip(types, relation.columns, strict=True))
    run = Run(folder, database, rows, read_cards(folder, schema), types, identifiers, threshold, min_score)
    create_photos(run)
    return run


def find_parts(database: DuckDBPyConnection, folder: str) -> tuple[list[str], pa.Schema]:
    """The finished parts as DuckDB opens them, and their schema."""
    store, path = open_store(folder)
    names = store.ls(path, detail=False) if store.isdir(path) else []
    parts = sorted(str(name) for name in names if fnmatch(str(name).rsplit("/", 1)[-1], PARTS))
    if not parts:
        raise ReportError(f"{folder} holds no {PARTS}; give the folder that `python -m scoring --out` wrote")
    with store.open(parts[0]) as file:
        schema = parquet.read_schema(file)
    parts = [glob.escape(part) for part in parts]
    if get_protocol(folder) == "file":
        return parts, schema
    protocol = store.protocol if isinstance(store.protocol, str) else store.protocol[0]
    if protocol not in database.list_filesystems():
        database.register_filesystem(store)
    return [f"{protocol}://{part}" for part in parts], schema


def read_cards(folder: str, schema: pa.Schema) -> dict[str, Card]:
    """The models that the schema's metadata describes. Raises ReportError when it does not."""
    try:
        models = read_metadata(schema)["models"]
        cards = {name: Card.from_dict(name, card) for name, card in models.items() if check_name(name)}
    except UnknownTask as error:
        raise ReportError(f"{folder}: {error}") from error
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise ReportError(
            f"{folder} does not describe its models; `python -m scoring` writes datasets that do"
        ) from error
    if missing := {"source", "sha256", "error", "models", *cards} - set(schema.names):
        raise ReportError(f"{folder} lacks columns that `python -m scoring` writes: {', '.join(sorted(missing))}")
    return cards


def check_name(name: str) -> bool:
    """CSV files are called after models. Raises ValueError for what is no name."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError(name)
    return True


def create_photos(run: Run) -> None:
    """The view of photos without an error."""
    values = [f"{value_of_photo(run, card)} AS {run.column(card.name)}" for card in run.cards.values()]
    run.database.execute(
        f"""CREATE VIEW {run.photos} AS SELECT * REPLACE ({", ".join(values)}) FROM {run.rows}
        WHERE {run.column("error")} IS NULL"""
    )


def value_of_photo(run: Run, card: Card) -> str:
    """SQL for what a model says of a photo; null where it looks at boxes and there are none.

    A probability that is no number is no prediction.
    """
    value = run.column(card.name)
    return finite(value) if card.task == Task.CLASSIFICATION else value


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def spelled(text: str) -> str:
    """The number that text spells in SQL, null where it spells none; true is 1."""
    return f"coalesce(TRY_CAST({text} AS DOUBLE), TRY_CAST({text} AS BOOLEAN)::DOUBLE)"


def finite(value: str) -> str:
    """A value as a number in SQL, null where it is none."""
    return f"CASE WHEN isfinite({value}::DOUBLE) THEN {value}::DOUBLE END"
