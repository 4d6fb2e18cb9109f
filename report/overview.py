"""The section on photos: how many, what went wrong, and which models answered."""

import pandas as pd

from report.dataset import Run
from report.section import Section
from report.table import Column, Table, count, release, share

# What errors that differ in names and numbers have in common: `picture: image has # pixels`.
ERROR_KINDS = r"""
SELECT CASE kind WHEN '' THEN 'unnamed error' ELSE kind END AS error, count(*) AS photos, min(source) AS example
FROM (
    SELECT source, rtrim(regexp_replace(array_to_string(steps[:3], ': '), '\d+', '#', 'g'), ' :,')[:120] AS kind FROM (
        SELECT {source} AS source, string_split(
            regexp_replace(regexp_extract(trim({error}), '^[^''"<(,;]*'), ': [^:]*[/\\].*', ''), ': '
        ) AS steps
        FROM {rows} WHERE {error} IS NOT NULL
    )
) GROUP BY ALL ORDER BY photos DESC, error
"""
ERRORS = [
    Column("error", "Kind of error"),
    Column("photos", "Photos", count),
    Column("share", "Share", share),
    Column("example", "Example"),
]
MODELS = [
    Column("model", "Model"),
    Column("task", "Task"),
    Column("positive", "Positive label"),
    Column("release", "Version and checksum", release),
    Column("photos", "Photos", count),
]


def photos_section(run: Run) -> Section:
    photos, failed = run.row(f"SELECT count(*), count({run.column('error')}) FROM {run.rows}")
    errors, models = count_errors(run, photos), count_models(run)
    tables = [Table("models", "Models that answered", MODELS, models)]
    if len(errors):
        tables.insert(0, Table("errors", "Photos without an answer, by kind of error", ERRORS, errors))
    part = share(failed / max(photos, 1))
    summary = f"{photos:,} photos were scored" + (
        f"; {failed:,} of them ({part}) gave an error and no answer." if failed else ", all of them without error."
    )
    text = (
        f"{photos:,} rows: {photos - failed:,} photos with answers, {failed:,} without ({part}). "
        "Everything below is about the photos with answers."
    )
    mixed = ", ".join(sorted(models["model"][models["model"].duplicated()].unique()))
    warning = f"More than one version of {mixed} answered in this run: its figures mix them." if mixed else ""
    return Section("photos", "Photos", [summary], [text], warning, tables=tables)


def count_errors(run: Run, photos: int) -> pd.DataFrame:
    """Errors by kind, the most frequent first, each with one of its photos."""
    names = {"source": run.column("source"), "error": run.column("error"), "rows": run.rows}
    kinds = run.query(ERROR_KINDS.format(**names))
    kinds.insert(2, "share", kinds["photos"] / max(photos, 1))
    return kinds


def count_models(run: Run) -> pd.DataFrame:
    """Photos by model and version. A run that was continued after a change has several versions of one model."""
    answered = run.query(
        f"""SELECT entry.key AS model, entry.value AS release, count(*) AS photos
        FROM (SELECT unnest(map_entries({run.column("models")})) AS entry FROM {run.photos})
        GROUP BY ALL ORDER BY ALL"""
    )
    described = pd.DataFrame(
        [[model.name, model.task, model.positive] for model in run.models.values()],
        columns=["model", "task", "positive"],
    )
    return described.merge(answered, how="left", on="model").fillna({"photos": 0})
