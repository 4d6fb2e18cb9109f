"""The section on photos: how many, what went wrong, and which models answered."""

import pandas as pd

from report.dataset import Run
from report.section import Section
from report.table import Table, percent, quantity

# What errors that differ in names and numbers have in common: `picture: image has # pixels`.
ERROR_KINDS = r"""
SELECT CASE kind WHEN '' THEN 'unnamed error' ELSE kind END AS error, count(*) AS photos,
    count(*) / (SELECT count(*) FROM {rows}) AS share, min(source) AS example
FROM (
    SELECT source, rtrim(regexp_replace(array_to_string(steps[:3], ': '), '\d+', '#', 'g'), ' :,')[:120] AS kind FROM (
        SELECT {source} AS source, string_split(
            regexp_replace(regexp_extract(trim({error}), '^[^''"<(,;]*'), ': [^:]*[/\\].*', ''), ': '
        ) AS steps
        FROM {rows} WHERE {error} IS NOT NULL
    )
) GROUP BY ALL ORDER BY photos DESC, error
"""


def photos_section(run: Run) -> Section:
    photos, failed = run.row(f"SELECT count(*), count({run.column('error')}) FROM {run.rows}")
    columns = {"source": run.column("source"), "error": run.column("error"), "rows": run.rows}
    errors, models = run.query(ERROR_KINDS.format(**columns)), count_models(run)
    scored = f"{quantity(photos, 'photo was', 'photos were')} scored"
    summary = f"{scored}, without an error."
    if failed:
        summary = f"{scored}; {failed:,} ({percent(failed / photos)}) gave an error and no answer."
    mixed = ", ".join(sorted(set(models["model"][models["model"].duplicated()])))
    warning = f"More than one version of {mixed} answered in this run: its figures mix them." if mixed else ""
    tables = [Table("models", "Models that answered", models)]
    if failed:
        tables.insert(0, Table("errors", "Photos without an answer, by kind of error", errors))
    text = "Everything below is about the photos without an error."
    return Section("photos", "Photos", [summary], [text], warning, tables=tables)


def count_models(run: Run) -> pd.DataFrame:
    """Photos by model and version. A run that was continued after a change has several versions of one model."""
    answered = run.query(
        f"""SELECT entry.key AS model, entry.value AS version, count(*) AS photos
        FROM (SELECT unnest(map_entries({run.column("models")})) AS entry FROM {run.photos})
        GROUP BY ALL ORDER BY ALL"""
    )
    cards = [[card.name, card.task.value, card.positive] for card in run.cards.values()]
    described = pd.DataFrame(cards, columns=["model", "task", "positive_label"])
    return described.merge(answered, how="left", on="model").astype({"photos": "Int64"})
