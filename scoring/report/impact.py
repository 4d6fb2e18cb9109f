"""Sections on persons, outcome, and what changed against another run."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scoring.report.dataset import Run
from scoring.report.drift import SHIFTED, STABLE
from scoring.report.outcome import SAME_PERSON, WITH_WITHOUT
from scoring.report.persons import GROUPS
from scoring.report.photos import Photos
from scoring.report.plots import Plot, draw_intervals, draw_stacked
from scoring.report.section import Section
from scoring.report.statistics import FEWEST_UNITS, MOST_UNITS
from scoring.report.summary import summarise_compare, summarise_outcome, summarise_persons
from scoring.report.table import Column, Kind, Table

ASSOCIATION = (
    "This is association, not cause. Photos with and without an attribute differ in much else: who took them, when, "
    "where, of whom. A difference here is a reason for an experiment, and no proof that the attribute makes it."
)


def persons_section(by: str, photos: Photos, counts: pd.DataFrame, groups: pd.DataFrame) -> Section:
    """In none, some or all of a person's photos. `counts` goes to persons.csv and not on the page."""
    assert photos.person is not None
    unknown = int(np.count_nonzero(photos.person < 0))
    single = int((counts["photos"] == 1).sum())
    text = [
        f"{len(counts):,} persons by the column {by}, with {counts['photos'].median():,.0f} photos in the median."
        + (f" {single:,} have a single photo, which is either none or all." if single else "")
        + (f" {unknown:,} photos name no person and are left out." if unknown else "")
        + " One row per person is in persons.csv; no person is named on this page."
    ]
    names = list(dict.fromkeys(groups["attribute"]))
    parts: dict[str, Sequence[float]] = {
        group: list(groups.loc[groups["in"] == group, "share"].fillna(0)) for group in GROUPS
    }
    alt = "Stacked bars: persons with the attribute in none, some and all of their photos; the table has the numbers."
    plot = draw_stacked(names, parts, "Persons with the attribute in none, some or all of their photos", alt)
    tables = [
        Table("person_groups", "Persons by attribute", GROUPED, groups),
        Table("persons", "One row per person", [], counts, limit=0),
    ]
    return Section("persons", "Persons", summarise_persons(groups), text, plots=[plot], tables=tables)


GROUPED = [
    Column("attribute", "Attribute"),
    Column("in", "In how many of their photos"),
    Column("persons", "Persons", Kind.COUNT),
    Column("share", "Share of persons (95 % interval)", Kind.SHARE, interval=True),
]


def outcome_section(outcome: str, photos: Photos, sides: pd.DataFrame, differences: pd.DataFrame) -> Section:
    assert photos.outcome is not None
    missing = int(np.count_nonzero(np.isnan(photos.outcome)))
    text = [*explain(outcome, photos)]
    if missing:
        text.append(f"{missing:,} photos have no {outcome} and are left out.")
    attributes = differences["attribute"].nunique()
    if attributes > 1:
        text.append(
            f"With {attributes} attributes and 95 % intervals, one in twenty comparisons looks clear by chance alone."
        )
    tables = [
        Table("outcome_differences", f"Differences in {outcome}", difference_columns(photos), differences),
        Table("outcome", f"{outcome} by group", side_columns(photos), sides),
    ]
    summary = [*summarise_outcome(outcome, differences), "This is association, not cause."]
    plots = difference_plots(outcome, differences)
    return Section("outcome", f"Outcome: {outcome}", summary, text, ASSOCIATION, plots, tables)


def explain(outcome: str, photos: Photos) -> list[str]:
    """What was compared, and how."""
    if photos.persons is None:
        unit = (
            "Every photo counts on its own. Where one person has many photos these are alike and the intervals are too "
            "narrow: name the column of persons with --by."
        )
    else:
        unit = (
            f"Every person counts once: “{WITH_WITHOUT}” compares the mean {outcome} of a person's photos with "
            f"the attribute to that of photos without, over all persons; “{SAME_PERSON}” looks at persons who have "
            "both, so that what makes one person more popular than another cancels; “all − none” compares persons with "
            "the attribute in all of their photos to persons with it in none."
        )
    units = len(photos) if photos.persons is None else len(photos.persons)
    effect = (
        "Intervals: 95 %, percentile bootstrap. Effect: Cliff's delta, from −1 to 1: how much likelier one from the "
        "first group has more than one from the second, than less; below 0.15 is small, above 0.47 large."
    )
    few = f" Groups below {FEWEST_UNITS} get no interval; below some 15 it is a little too narrow."
    many = f" Beyond {MOST_UNITS:,}, a random {MOST_UNITS:,} are compared." if units > MOST_UNITS else ""
    return [unit, effect + few + many]


def difference_columns(photos: Photos) -> list[Column]:
    unit = "photos" if photos.persons is None else "persons"
    return [
        Column("attribute", "Attribute"),
        Column("comparison", "Comparison"),
        Column("first_units", f"First: {unit}", Kind.COUNT),
        Column("second_units", f"Second: {unit}", Kind.COUNT),
        Column("difference", "Difference of means (95 %)", Kind.CHANGE, interval=True),
        Column("relative", "Relative", Kind.RELATIVE),
        Column("median_difference", "Difference of medians (95 %)", Kind.CHANGE, interval=True),
        Column("effect", "Effect", Kind.CHANGE),
        Column("verdict", "In words"),
    ]


def side_columns(photos: Photos) -> list[Column]:
    units = [] if photos.persons is None else [Column("units", "Persons", Kind.COUNT)]
    return [
        Column("attribute", "Attribute"),
        Column("photos_are", "Photos that show it"),
        Column("photos", "Photos", Kind.COUNT),
        *units,
        Column("mean", "Mean (95 %)", Kind.NUMBER, interval=True),
        Column("median", "Median (95 %)", Kind.NUMBER, interval=True),
    ]


def difference_plots(outcome: str, differences: pd.DataFrame) -> list[Plot]:
    known = differences[differences["difference_low"].notna()]
    if known.empty:
        return []
    short = {WITH_WITHOUT: "", SAME_PERSON: " (same person)"}
    names = [row["attribute"] + short.get(row["comparison"], " (all − none)") for row in known.to_dict("records")]
    intervals = known[["difference", "difference_low", "difference_high"]].to_numpy(np.float64)
    alt = "Dots with bars: difference of means with its 95 % interval, per comparison; the table has the numbers."
    heading = f"Difference in {outcome}; an interval that crosses the dashed line may well be none"
    return [draw_intervals(names, intervals, f"difference in mean {outcome}", heading, alt)]


def compare_section(new: Run, old: Run, drift: pd.DataFrame, changed: pd.DataFrame) -> Section:
    """Drift of every output, and answers that changed on the same photos."""
    text = [
        f"From {old.folder} to {new.folder}. PSI is the population stability index over the deciles of the other run: "
        f"below {STABLE:g} stable, up to {SHIFTED:g} some drift, above that a shift, unless so few photos reach as "
        "much by chance (in 1 of 20 cases, if nothing moved). KS is the Kolmogorov–Smirnov distance, the largest gap "
        "between the two cumulative distributions. Both compare populations: if other photos "
        "were scored, they move also where the models did not."
    ]
    tables = [Table("versions", "Models of the two runs", VERSIONS, versions_frame(new, old))]
    tables.append(Table("drift", "Drift of each output", DRIFTED, drift))
    if len(changed):
        text.append(
            f"{int(changed['photos'].max()):,} photos (by content) are in both runs: there only the models can make "
            "the difference. A small p of the direction (McNemar's exact test) says that answers moved to one side."
        )
        tables.append(Table("changed", "Answers that changed on the same photos", CHANGES, changed))
    else:
        text.append("No photo is in both runs, so answers cannot be compared photo by photo.")
    return Section("compare", "Compared with another run", summarise_compare(drift, changed), text, tables=tables)


VERSIONS = [
    Column("model", "Model"),
    Column("before", "The other run", Kind.CHECKSUM),
    Column("after", "This run", Kind.CHECKSUM),
    Column("same", "Same"),
]
DRIFTED = [
    Column("output", "Output"),
    Column("mean_before", "Mean, other run", Kind.NUMBER),
    Column("mean_after", "Mean, this run", Kind.NUMBER),
    Column("psi", "PSI", Kind.NUMBER),
    Column("psi_by_chance", "by chance up to", Kind.NUMBER),
    Column("ks", "KS", Kind.NUMBER),
    Column("verdict", "In words"),
]
CHANGES = [
    Column("output", "Output"),
    Column("photos", "Photos in both", Kind.COUNT),
    Column("to_yes", "No to yes", Kind.COUNT),
    Column("to_no", "Yes to no", Kind.COUNT),
    Column("changed", "Changed", Kind.COUNT),
    Column("share", "Share (95 % interval)", Kind.SHARE, interval=True),
    Column("direction_p", "p of the direction", Kind.NUMBER),
    Column("mean_change", "Mean move of the probability", Kind.NUMBER),
]


def versions_frame(new: Run, old: Run) -> pd.DataFrame:
    rows = []
    for name in dict.fromkeys([*old.models, *new.models]):
        before, after = (describe(run, name) for run in (old, new))
        rows.append([name, before, after, "yes" if before == after else "no"])
    return pd.DataFrame(rows, columns=["model", "before", "after", "same"])


def describe(run: Run, name: str) -> str:
    model = run.models.get(name)
    return f"{model.version} {model.checksum}" if model else "absent"
