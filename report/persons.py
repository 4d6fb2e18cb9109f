"""Attributes per person: in none, some or all of their photos."""

from collections.abc import Hashable

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from contract.tasks import Task
from report.dataset import Run
from report.errors import ReportError
from report.options import Options
from report.plots import draw_shares
from report.section import Section
from report.statistics import wilson
from report.table import Table, quantity

GROUPS = ["none", "some", "all"]


def check_person(run: Run, by: str) -> None:
    """Raises ReportError for a column that is not there or cannot name persons."""
    kind = run.require(by, "--by")
    if pa.types.is_nested(kind):
        raise ReportError(f"--by {by}: a column of {kind} cannot name persons; text or numbers can")


def persons_section(run: Run, by: str, options: Options) -> Section:
    """In none, some or all of a person's photos. The counts go to persons.csv and not on the page."""
    counts = count_by_person(run, by, options)
    groups = group_persons(counts, run.names(Task.CLASSIFICATION))
    (unknown,) = run.row(f"SELECT count(*) FILTER ({run.column(by)} IS NULL) FROM {run.photos}")
    median = quantity(round(counts["photos"].median()), "photo", "photos") if len(counts) else "no photo"
    nameless = quantity(unknown, "photo names no person and is", "photos name no person and are")
    text = (
        f"{quantity(len(counts), 'person', 'persons')} by the column {by}, with {median} in the median."
        + (f" {nameless} left out." if unknown else "")
        + " One row per person is in persons.csv; no person is named on this page."
    )
    shares = groups.pivot(index="attribute", columns="in", values="share")[GROUPS].fillna(0)
    caption = "Persons with the attribute in none, some or all of their photos"
    plot = draw_shares(shares, "share of the persons", caption, f"Stacked bars: {caption}; the table has the numbers.")
    tables = [Table("person_groups", caption, groups), Table("persons", "One row per person", counts, limit=0)]
    summary = [summarise(*row) for row in groups.pivot(index="attribute", columns="in", values="persons").iterrows()]
    return Section("persons", "Persons", summary, [text], plots=[plot], tables=tables)


def summarise(name: Hashable, numbers: pd.Series) -> str:
    every = quantity(numbers["all"], "person", "persons")
    return f"{name}: {every} in all of their photos, {numbers['some']:,} in some, {numbers['none']:,} in none."


def count_by_person(run: Run, by: str, options: Options) -> pd.DataFrame:
    """One row per person: photos; per attribute those with a prediction (`<name>_photos`) and the positive among them
    (`<name>_positive`); the mean outcome where there is one."""
    columns = [f"{run.column(by)} AS person", "count(*) AS photos"]
    for name in run.names(Task.CLASSIFICATION):
        columns.append(f'count({run.column(name)}) AS "{name}_photos"')
        columns.append(f'count(*) FILTER ({run.positive(name)}) AS "{name}_positive"')
    if options.outcome:
        columns.append(f"avg({run.number(options.outcome)}) AS mean_outcome")
    return run.query(
        f"""SELECT {", ".join(columns)} FROM {run.photos} WHERE {run.column(by)} IS NOT NULL
        GROUP BY person ORDER BY person"""
    )


def group_persons(counts: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Persons with the attribute in none, some and all of their photos, with Wilson intervals of their shares."""
    rows = []
    for name in names:
        groups = group_of(counts[f"{name}_photos"].to_numpy(), counts[f"{name}_positive"].to_numpy())
        known = int((groups != "").sum())
        numbers = {group: int((groups == group).sum()) for group in GROUPS}
        rows += [[name, group, number, *wilson(number, known)] for group, number in numbers.items()]
    return pd.DataFrame(rows, columns=["attribute", "in", "persons", "share", "share_low", "share_high"])


def group_of(photos: NDArray[np.int64], positive: NDArray[np.int64]) -> NDArray[np.str_]:
    """none, some or all per person, of the photos with a prediction; empty for a person without any."""
    return np.select([photos == 0, positive == 0, positive == photos], ["", "none", "all"], "some")
