"""Classifiers: the share of positive photos, and the distribution of the probabilities."""

import numpy as np
import pandas as pd

from contract.tasks import Task
from report.dataset import Run
from report.options import Options
from report.persons import count_by_person
from report.plots import Plot, draw_histogram
from report.section import Section
from report.statistics import cluster_share, wilson
from report.table import Table, percent, quantity

BINS = 50


def describe_classifiers(run: Run, baseline: Run | None, options: Options) -> list[Section]:
    names = run.names(Task.CLASSIFICATION)
    return [shares_section(run, options), probabilities_section(run, baseline)] if names else []


def shares_section(run: Run, options: Options) -> Section:
    """Share of photos per attribute, among those with a prediction."""
    frame = count_shares(run, options)
    method = (
        "The intervals come from drawing persons, since the photos of one person are alike (95 %, bootstrap)."
        if options.by
        else "The intervals (95 %, Wilson) take photos as independent; with several photos per person, name the column "
        "with --by and they become wider and right."
    )
    text = [
        f"A photo is positive from a probability of {options.threshold:g}. This is what the models say, not what is in "
        f"the photos: a model's own errors are in no interval. {method}"
    ]
    summary = [summarise_share(row) for row in frame[frame["photos"] > 0].to_dict("records")]
    return Section("shares", "Shares of photos", summary, text, tables=[Table("shares", "Positive photos", frame)])


def count_shares(run: Run, options: Options) -> pd.DataFrame:
    persons = count_by_person(run, options.by, options) if options.by else None
    rows = []
    for name in run.names(Task.CLASSIFICATION):
        p = run.column(name)
        photos, without, positive = run.row(
            f"SELECT count({p}), count(*) - count({p}), count(*) FILTER ({run.positive(name)}) FROM {run.photos}"
        )
        interval = wilson(positive, photos)
        if persons is not None:
            _, low, high = cluster_share(
                persons[f"{name}_positive"].to_numpy(float), persons[f"{name}_photos"].to_numpy(float)
            )
            interval = interval._replace(low=low, high=high)
        rows.append([name, run.cards[name].positive, photos, without, positive, *interval])
    columns = ["attribute", "positive_label", "photos", "no_prediction", "positive", "share", "share_low", "share_high"]
    return pd.DataFrame(rows, columns=columns)


def summarise_share(row: dict) -> str:
    known = f"{quantity(row['photos'], 'photo', 'photos')} with a prediction"
    among = known if row["no_prediction"] else "photos"
    interval = f" (95 % interval {percent(row['share_low'])} to {percent(row['share_high'])})"
    without = f"; {quantity(row['no_prediction'], 'photo has', 'photos have')} none" if row["no_prediction"] else ""
    shown = interval if pd.notna(row["share_low"]) else ""
    return f"{row['attribute']}: {percent(row['share'])} of the {among}{shown}{without}."


def probabilities_section(run: Run, baseline: Run | None) -> Section:
    """The distribution of every classifier's probability."""
    counts = {name: count_bins(run, name) for name in run.names(Task.CLASSIFICATION)}
    plots = [draw_probabilities(run, baseline, name, frame) for name, frame in counts.items()]
    frame = pd.concat(counts, names=["attribute", None]).reset_index(level=0)
    text = [
        "A classifier that is sure of itself has most photos near 0 and near 1. Many photos in the middle mean that "
        f"the threshold (dashed, {run.threshold:g}) decides much, and that the shares should be read with care. "
        "The counts behind the plots are in probabilities.csv."
    ]
    tables = [Table("probabilities", "Photos per range of probability", frame, limit=0)]
    return Section("probabilities", "Probabilities", text=text, plots=plots, tables=tables)


def draw_probabilities(run: Run, baseline: Run | None, name: str, frame: pd.DataFrame) -> Plot:
    positive = run.cards[name].positive
    other = baseline.cards.get(name) if baseline else None
    outline = (
        count_bins(baseline, name)["share"].to_numpy() if baseline and other and other.positive == positive else None
    )
    caption = f"{name}: probability of “{positive}”"
    photos = quantity(frame["photos"].sum(), "photo", "photos")
    alt = f"Histogram of the {caption}, over {photos}; the table of shares has the numbers."
    return draw_histogram(frame["share"].to_numpy(), outline, run.threshold, caption, alt)


def count_bins(run: Run, name: str) -> pd.DataFrame:
    """Photos in BINS equal bins of [0, 1]."""
    found = run.query(
        f"""SELECT greatest(0, least(floor({run.column(name)}::DOUBLE * {BINS}), {BINS - 1}))::INTEGER AS bin,
        count(*) AS photos FROM {run.photos} WHERE {run.column(name)} IS NOT NULL GROUP BY bin"""
    )
    photos = found.set_index("bin")["photos"].reindex(range(BINS), fill_value=0)
    edges = np.arange(BINS) / BINS
    return pd.DataFrame(
        {"from": edges, "to": edges + 1 / BINS, "photos": photos, "share": photos / max(photos.sum(), 1)}
    )
