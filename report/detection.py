"""Detectors: labels by frequency."""

import pandas as pd

from contract.tasks import Task
from report.dataset import Run
from report.options import Options
from report.plots import draw_frequencies
from report.section import Section
from report.table import Table, quantity


def describe_detectors(run: Run, _: Run | None, __: Options) -> list[Section]:
    return [labels_section(run, name) for name in run.names(Task.DETECTION)]


def labels_section(run: Run, name: str) -> Section:
    frame = count_labels(run, name)
    boxes, labels = quantity(frame["boxes"].sum(), "box", "boxes"), quantity(len(frame), "label", "labels")
    text = f"{boxes} with a score of at least {run.lowest_score(name):g}, {labels}."
    plots = draw_frequencies(frame, f"{name}: photos with the label")
    table = Table(f"{name}_labels", f"Boxes of {name} by label", frame)
    return Section(f"model-{name}", f"Detections: {name}", text=[text], plots=plots, tables=[table])


def count_labels(run: Run, name: str) -> pd.DataFrame:
    """Per label, the most frequent first: boxes, photos with at least one, and their share of photos with an answer."""
    return run.query(
        f"""SELECT label, sum(number)::BIGINT AS boxes, count(*) AS photos,
            count(*) / (SELECT count({run.column(name)}) FROM {run.photos}) AS share
        FROM (
            SELECT unnest(map_keys(labels)) AS label, unnest(map_values(labels)) AS number
            FROM (SELECT list_histogram({run.labels(name)}) AS labels FROM {run.photos})
        ) GROUP BY label ORDER BY boxes DESC, label"""
    )
