"""The section on an outcome: what was compared, and how it reads."""

import numpy as np
import pandas as pd

from report.dataset import Run
from report.options import Options
from report.outcome import ALL_NONE, PAIRED, WITH_WITHOUT, compare_outcome
from report.plots import Plot, draw_intervals
from report.section import Section
from report.statistics import FEWEST_UNITS, MOST_UNITS
from report.table import Column, Table, count, decimal, signed, signed_share

ASSOCIATION = (
    "This is association, not cause. Photos with and without an attribute differ in much else: who took them, when, "
    "where, of whom. A difference here is a reason for an experiment, and no proof that the attribute makes it."
)
BY_PHOTO = (
    "Every photo counts on its own. Where one person has many photos these are alike and the intervals are too "
    "narrow: name the column of persons with --by."
)
BY_PERSON = (
    f"Every person counts once. “{WITH_WITHOUT}” compares the mean of a person's photos with the attribute (treatment) "
    f"to that of photos without (control), over all persons. “{PAIRED}” is the paired difference: it looks at persons "
    "who have both, so that what makes one person more popular than another cancels. "
    f"“{ALL_NONE}” compares persons with the attribute in all of their photos to persons with it in none."
)
METHOD = (
    "Intervals: 95 %, percentile bootstrap. Effect: Cliff's delta, from −1 to 1: how much likelier one of the "
    "treatment has more than one of the control, than less; below 0.15 is small, above 0.47 large. For the same "
    "person: the share of persons with more minus the share with less. "
    f"Groups below {FEWEST_UNITS} get no interval; below some 15 it is a little too narrow."
)


def outcome_section(run: Run, outcome: str, options: Options) -> Section:
    outcomes, differences = compare_outcome(run, outcome, options.by, options.threshold)
    unit = "persons" if options.by else "photos"
    tables = [
        Table("outcome_differences", f"Differences in {outcome}", difference_columns(unit), differences),
        Table("outcome", f"{outcome} by group", group_columns(unit), outcomes),
    ]
    summary = [*summarise_outcome(outcome, differences), "This is association, not cause."]
    text = explain(run, outcome, differences["attribute"].nunique(), options)
    plots = difference_plots(outcome, differences)
    return Section("outcome", f"Outcome: {outcome}", summary, text, ASSOCIATION, plots, tables)


def explain(run: Run, outcome: str, attributes: int, options: Options) -> list[str]:
    """What was compared, and how."""
    unit = f"count(DISTINCT {run.column(options.by)})" if options.by else "count(*)"
    missing, units = run.row(f"SELECT count(*) - count({run.number(outcome)}), {unit} FROM {run.photos}")
    text = [BY_PERSON if options.by else BY_PHOTO, METHOD]
    if units > MOST_UNITS:
        text.append(f"Of {units:,}, a random {MOST_UNITS:,} are compared.")
    if missing:
        text.append(f"{missing:,} photos have no {outcome} and are left out.")
    if attributes > 1:
        text.append(
            f"With {attributes} attributes and 95 % intervals, one in twenty comparisons looks clear by chance alone."
        )
    return text


def difference_columns(unit: str) -> list[Column]:
    return [
        Column("attribute", "Attribute"),
        Column("comparison", "Comparison"),
        Column("treatment_units", f"Treatment: {unit}", count),
        Column("control_units", f"Control: {unit}", count),
        Column("difference", "Difference of means (95 %)", signed, interval=True),
        Column("relative", "Relative", signed_share),
        Column("median_difference", "Difference of medians (95 %)", signed, interval=True),
        Column("effect", "Effect", signed),
        Column("verdict", "In words"),
    ]


def group_columns(unit: str) -> list[Column]:
    return [
        Column("attribute", "Attribute"),
        Column("group", "Group"),
        Column("photos", "Photos", count),
        *([Column("units", "Persons", count)] if unit == "persons" else []),
        Column("mean", "Mean (95 %)", decimal, interval=True),
        Column("median", "Median (95 %)", decimal, interval=True),
    ]


def difference_plots(outcome: str, differences: pd.DataFrame) -> list[Plot]:
    known = differences[differences["difference_low"].notna()]
    if known.empty:
        return []
    suffixes = {WITH_WITHOUT: "", PAIRED: " (same person)", ALL_NONE: " (all − none)"}
    names = list(known["attribute"] + known["comparison"].map(suffixes))
    intervals = known[["difference", "difference_low", "difference_high"]].to_numpy(np.float64)
    alt = "Dots with bars: difference of means with its 95 % interval, per comparison; the table has the numbers."
    heading = f"Difference in {outcome}; an interval that crosses the dashed line may well be none"
    return [draw_intervals(names, intervals, f"difference in mean {outcome}", heading, alt)]


def summarise_outcome(outcome: str, differences: pd.DataFrame) -> list[str]:
    """One sentence per attribute; what the same persons show is added where it is known."""
    sentences = []
    for name, rows in differences.groupby("attribute", sort=False):
        by_comparison = {row["comparison"]: row for row in rows.to_dict("records")}
        sentence = f"{name}: {describe_difference(outcome, by_comparison[WITH_WITHOUT])}"
        paired = by_comparison.get(PAIRED)
        if paired is not None and pd.notna(paired["difference_low"]):
            sentence += f"; among photos of the same person {describe_paired(paired)}"
        sentences.append(f"{sentence}.")
    return sentences


def describe_difference(outcome: str, row: dict) -> str:
    if pd.isna(row["difference_low"]):
        return f"too few photos with or without it to compare {outcome}"
    interval = f"95 % interval {describe_interval(row)}"
    if row["verdict"] == "no clear difference":
        return f"no clear difference in {outcome} ({interval})"
    size = f"{decimal(abs(row['difference']))}, {signed_share(row['relative'])}"
    return f"with it, mean {outcome} {row['verdict']} by {size} ({interval})"


def describe_paired(row: dict) -> str:
    if row["verdict"] == "no clear difference":
        return f"no clear difference ({describe_interval(row)})"
    return f"{row['verdict']} by {decimal(abs(row['difference']))} ({describe_interval(row)})"


def describe_interval(row: dict) -> str:
    return f"{signed(row['difference_low'])} to {signed(row['difference_high'])}"
