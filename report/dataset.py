"""A run: the Parquet dataset that `python -m scoring` wrote, as views in DuckDB."""

import glob
import json
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
from report.storage import open_store
from scoring.schema import METADATA_KEY, PARTS

# Faults of a query; all other errors of DuckDB are about parts that it cannot read.
QUERY_ERRORS = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)


@dataclass(frozen=True)
class Run:
    """One scored dataset. `rows` and `photos` are views: all rows, and those without an error. `types` of the columns
    are Arrow's; `identifiers` are the columns' names in DuckDB, which knows no upper and lower case."""

    folder: str
    database: DuckDBPyConnection
    rows: str
    cards: dict[str, Card]
    types: dict[str, pa.DataType]
    identifiers: dict[str, str]

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
        return self.cards[name].task, self.cards[name].positive, self.types[name]

    def describe(self, name: str) -> str:
        """A model's name, and the positive label where that is another word."""
        positive = self.cards[name].positive
        return name if positive in (None, name) else f"{name} (positive: {positive})"

    def column(self, name: str) -> str:
        """A column in SQL."""
        return '"' + self.identifiers[name].replace('"', '""') + '"'

    def number(self, name: str) -> str:
        """A column as a number in SQL, null where it is none."""
        number = f"{self.column(name)}::DOUBLE"
        return f"CASE WHEN isfinite({number}) THEN {number} END"

    def read(self, sql: str, **values: object) -> pa.Table:
        """The result of SQL; `$name` in it stands for a value. Raises ReportError when a part cannot be read."""
        try:
            return self.database.sql(sql, params=values).to_arrow_table()
        except QUERY_ERRORS:
            raise
        except duckdb.Error as error:
            raise ReportError(f"cannot read {self.folder}: {first_line(error)}") from error

    def query(self, sql: str, **values: object) -> pd.DataFrame:
        return self.read(sql, **values).to_pandas()

    def row(self, sql: str, **values: object) -> list:
        """The only row of the result."""
        (row,) = self.read(sql, **values).to_pylist()
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


def open_run(database: DuckDBPyConnection, folder: str, rows: str) -> Run:
    """The dataset of a folder or URI; `rows` names its view. Raises ReportError when there is none."""
    try:
        parts, schema = find_parts(database, folder)
        relation = database.read_parquet(parts)
        relation.create_view(rows)
    except (OSError, ValueError, pa.ArrowException, duckdb.Error) as error:
        raise ReportError(f"cannot read {folder}: {first_line(error)}") from error
    types = {field.name: field.type for field in schema}
    run = Run(
        folder, database, rows, read_cards(folder, schema), types, dict(zip(types, relation.columns, strict=True))
    )
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
    if "://" not in folder:
        return [glob.escape(part) for part in parts], schema
    if store.protocol not in database.list_filesystems():
        database.register_filesystem(store)
    return [f"{store.protocol}://{glob.escape(part)}" for part in parts], schema


def read_cards(folder: str, schema: pa.Schema) -> dict[str, Card]:
    """The models that the schema's metadata describes. Raises ReportError when it does not."""
    try:
        models = json.loads((schema.metadata or {})[METADATA_KEY])["models"]
        # CSV files are called after models.
        cards = {name: Card.from_dict(re.fullmatch(r"\w[\w.-]*", name)[0], card) for name, card in models.items()}
    except UnknownTask as error:
        raise ReportError(f"{folder}: {error}") from error
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise ReportError(
            f"{folder} does not describe its models; `python -m scoring` writes datasets that do"
        ) from error
    if missing := {"source", "sha256", "error", "models", *cards} - set(schema.names):
        raise ReportError(f"{folder} lacks columns that `python -m scoring` writes: {', '.join(sorted(missing))}")
    return cards


def create_photos(run: Run) -> None:
    """The view of photos without an error; where a probability is no number there is no prediction."""
    classifiers = run.names(Task.CLASSIFICATION)
    finite = ", ".join(f"{run.number(name)} AS {run.column(name)}" for name in classifiers)
    replaced = f" REPLACE ({finite})" if finite else ""
    run.database.execute(
        f"CREATE VIEW {run.photos} AS SELECT *{replaced} FROM {run.rows} WHERE {run.column('error')} IS NULL"
    )
