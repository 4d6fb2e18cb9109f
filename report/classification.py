"""Classifiers: the share of positive photos, and the distribution of the probabilities."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contract.tasks import Task
from report.dataset import Run
from report.options import Options
from report.plots import Plot, draw_histogram
from report.section import Section
from report.statistics import cluster_share, wilson
from report.table import Column, Table, count, share

Bins = NDArray[np.int64]

BINS = 50
SHARES = [
    Column("attribute", "Attribute"),
    Column("positive", "Positive label"),
    Column("photos", "Photos", count),
    Column("without", "No prediction", count),
    Column("positives", "Positive", count),
    Column("share", "Share (95 % interval)", share, interval=True),
]


def describe_classifiers(run: Run, baseline: Run | None, options: Options) -> list[Section]:
    names = run.names(Task.CLASSIFICATION)
    if not names:
        return []
    frame = count_shares(run, names, options)
    return [shares_section(frame, options), probabilities_section(run, baseline, frame, options)]


def shares_section(frame: pd.DataFrame, options: Options) -> Section:
    """Share of photos per attribute, among those with a prediction."""
    method = (
        "The intervals come from drawing persons, since the photos of one person are alike (95 %, bootstrap)."
        if options.by
        else "The intervals (95 %, Wilson) take photos as independent; with several photos per person, name the column "
        "with --by and they become wider and right."
    )
    text = [
        f"A photo counts as positive from a probability of {options.threshold:g}. This is what the models say, not "
        f"what is in the photos: a model's own errors are in no interval. {method}"
    ]
    if frame["without"].any():
        text.append(
            "Shares are of the photos with a prediction. A model that looks at faces, say, has none where there is no "
            "face."
        )
    table = Table("shares", "Photos that show the attribute", SHARES, frame)
    return Section("shares", "Shares of photos", summarise_shares(frame), text, tables=[table])


def count_shares(run: Run, names: list[str], options: Options) -> pd.DataFrame:
    rows = []
    for name in names:
        p = run.column(name)
        photos, without, positives = run.row(
            f"SELECT count({p}), count(*) - count({p}), count(*) FILTER ({p} >= $threshold) FROM {run.photos}",
            threshold=options.threshold,
        )
        interval = wilson(positives, photos)
        if options.by:
            low, high = interval_by_persons(run, name, options.by, options.threshold)
            interval = interval._replace(low=low, high=high)
        rows.append([name, run.models[name].positive, photos, without, positives, *interval])
    columns = ["attribute", "positive", "photos", "without", "positives", "share", "share_low", "share_high"]
    return pd.DataFrame(rows, columns=columns)


def interval_by_persons(run: Run, name: str, by: str, threshold: float) -> tuple[float, float]:
    """The interval of a share of photos when persons are drawn rather than photos."""
    p, person = run.column(name), run.column(by)
    counts = run.query(
        f"""SELECT count(*) FILTER ({p} >= $threshold) AS positives, count({p}) AS photos
        FROM {run.photos} WHERE {person} IS NOT NULL GROUP BY {person} ORDER BY {person}""",
        threshold=threshold,
    ).astype(np.float64)
    return cluster_share(counts["positives"].to_numpy(), counts["photos"].to_numpy())[1:]


def summarise_shares(frame: pd.DataFrame) -> list[str]:
    """One sentence per attribute."""
    sentences = []
    for row in frame[frame["photos"] > 0].to_dict("records"):
        photos = "photos" if not row["without"] else f"{row['photos']:,} photos with a prediction"
        interval = f" (95 % interval {share(row['share_low'])} to {share(row['share_high'])})"
        shown = interval if pd.notna(row["share_low"]) else ""
        sentences.append(f"{row['attribute']}: {share(row['share'])} of the {photos}{shown}.")
        if row["without"]:
            sentences[-1] = f"{sentences[-1][:-1]}; {row['without']:,} photos have none."
    return sentences


def probabilities_section(run: Run, baseline: Run | None, shares: pd.DataFrame, options: Options) -> Section:
    """The distribution of every classifier's probability."""
    counts = {name: count_bins(run, name) for name in shares["attribute"]}
    plots = [
        draw_probabilities(run, baseline, counts[row["attribute"]], row, options.threshold)
        for row in shares.to_dict("records")
    ]
    rows = [
        [name, index / BINS, (index + 1) / BINS, int(number), int(number) / max(int(bins.sum()), 1)]
        for name, bins in counts.items()
        for index, number in enumerate(bins)
    ]
    frame = pd.DataFrame(rows, columns=["attribute", "from", "to", "photos", "share"])
    text = [
        "A classifier that is sure of itself has most photos near 0 and near 1. Many photos in the middle mean that "
        f"the threshold (dashed, {options.threshold:g}) decides much, and that the shares should be read with care. "
        "The counts behind the plots are in probabilities.csv."
    ]
    tables = [Table("probabilities", "Photos per range of probability", [], frame, limit=0)]
    return Section("probabilities", "Probabilities", text=text, plots=plots, tables=tables)


def draw_probabilities(run: Run, baseline: Run | None, counts: Bins, row: dict, threshold: float) -> Plot:
    """`row`: the classifier's line of the shares."""
    name, positive = row["attribute"], row["positive"]
    other = baseline.models.get(name) if baseline else None
    outline = count_bins(baseline, name) if baseline and other and other.positive == positive else None
    heading = f"{name}: probability of “{positive}”"
    shown = share(row["share"]) if row["photos"] else "None"
    alt = f"Histogram of {heading}. {shown} of the photos are at or above {threshold:g}."
    return draw_histogram(counts, threshold, outline, heading, alt)


def count_bins(run: Run, name: str) -> Bins:
    """Photos in BINS equal bins of [0, 1]."""
    p = run.column(name)
    found = run.query(
        f"""SELECT greatest(0, least(floor({p}::DOUBLE * {BINS}), {BINS - 1}))::INTEGER AS bin, count(*) AS photos
        FROM {run.photos} WHERE {p} IS NOT NULL GROUP BY bin"""
    )
    return np.bincount(found["bin"], found["photos"], BINS).astype(np.int64)
