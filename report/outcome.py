"""A number per photo, such as likes, with each attribute (treatment) and without it (control).

The unit is the person where a column names persons, else the photo.
"""

import pandas as pd
import pyarrow as pa

from contract.tasks import Task
from report.comparison import Comparison, compare, compare_within
from report.dataset import Run, is_text, spelled
from report.errors import ReportError
from report.options import Options
from report.persons import group_of
from report.plots import Plot, draw_intervals
from report.section import Section
from report.statistics import FEWEST_UNITS, Interval
from report.table import Table, decimal, quantity, signed, signed_percent

# Of more photos or persons, a random sample of as many is compared; the page says so.
MOST_UNITS = 1_000_000
WITH_WITHOUT = "with − without"
PAIRED = "same person, with − without"
ALL_NONE = "all − none of the person's photos"
ASSOCIATION = (
    "This is association, not cause. Photos with and without an attribute differ in much else: who took them, when, "
    "where, of whom. A difference here is a reason for an experiment, and no proof that the attribute makes it."
)
BY_PHOTO = (
    "Every photo counts on its own. Where one person has many photos these are alike and the intervals are too "
    "narrow: name the column of persons with --by."
)
BY_PERSON = (
    f"Every person counts once, with the mean of their photos. “{WITH_WITHOUT}” compares photos with the attribute "
    f"(treatment) to photos without (control), over all persons; “{PAIRED}” does so within each person who has both, "
    f"so that what makes one person more popular than another cancels; “{ALL_NONE}” compares persons."
)
METHOD = (
    "Intervals: 95 %, percentile bootstrap. Effect: Cliff's delta, from −1 to 1, how much likelier a treated unit has "
    "more than a control than less; below 0.15 is small, above 0.47 large. For the same person: the share of persons "
    f"with more minus the share with less. Groups below {FEWEST_UNITS} get no interval; below some 15 it is a little "
    "too narrow. With many attributes, one in twenty comparisons looks clear by chance alone."
)


def check_outcome(run: Run, outcome: str) -> None:
    """Raises ReportError for a column that is not there or holds no numbers."""
    kind, types = run.require(outcome, "--outcome"), pa.types
    if is_text(kind):
        refuse_words(run, outcome)
    elif not any(
        is_kind(kind) for is_kind in (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    ):
        raise ReportError(f"--outcome {outcome}: holds {kind}; a column of numbers is needed")


def refuse_words(run: Run, outcome: str) -> None:
    """A text column may be empty in places, but what it says must be numbers."""
    text = f"trim({run.column(outcome)})"
    word, count = run.row(
        f"SELECT any_value({text}), count(*) FROM {run.photos} WHERE {text} <> '' AND {spelled(text)} IS NULL"
    )
    if count:
        raise ReportError(f"--outcome {outcome}: holds text such as {word!r}; a column of numbers is needed")


def outcome_section(run: Run, outcome: str, options: Options) -> Section:
    frame = compare_outcome(run, outcome, options.by)
    missing, photos = run.row(f"SELECT count(*) - count({run.number(outcome)}), count(*) FROM {run.photos}")
    text = [BY_PERSON if options.by else BY_PHOTO, METHOD]
    if missing:
        without = quantity(missing, f"photo has no {outcome} and is", f"photos have no {outcome} and are")
        text.append(f"{without} left out.")
    if photos > MOST_UNITS:
        text.append(f"Where there are more units than {MOST_UNITS:,}, a random {MOST_UNITS:,} are compared.")
    summary = [summarise(outcome, row) for row in frame.to_dict("records") if row["comparison"] != ALL_NONE]
    table = Table("outcome", f"Differences in {outcome}; the units are {'persons' if options.by else 'photos'}", frame)
    summary.append("This is association, not cause.")
    plots = draw_differences(outcome, frame)
    return Section("outcome", f"Outcome: {outcome}", summary, text, ASSOCIATION, plots, [table])


def compare_outcome(run: Run, outcome: str, by: str | None) -> pd.DataFrame:
    """A line per attribute and comparison."""
    rows = []
    for name in run.names(Task.CLASSIFICATION):
        if by:
            comparisons = compare_persons(read_persons(run, name, outcome, by))
        else:
            photos = read_photos(run, name, outcome)
            comparisons = {WITH_WITHOUT: compare(photos["treatment"].to_numpy(), photos["control"].to_numpy())}
        rows += [make_row(name, label, comparison) for label, comparison in comparisons.items()]
    return pd.DataFrame(rows)


def read_photos(run: Run, name: str, outcome: str) -> pd.DataFrame:
    """A row per photo: its outcome as `treatment` if it has the attribute, as `control` if not; NaN elsewhere."""
    return run.query(
        f"""SELECT CASE WHEN positive THEN outcome END AS treatment, CASE WHEN NOT positive THEN outcome END AS control
        FROM (
            SELECT {run.column("source")} AS source, {run.positive(name)} AS positive, {run.number(outcome)} AS outcome
            FROM {run.photos}
        ) ORDER BY hash(source), source LIMIT {MOST_UNITS}"""
    ).astype(float)


def read_persons(run: Run, name: str, outcome: str, by: str) -> pd.DataFrame:
    """A row per person: mean outcome of the photos with the attribute (`treatment`), without (`control`) and of both
    (`either`), NaN where there are none; the number of photos with a prediction, and of the positive among them."""
    return run.query(
        f"""SELECT avg(outcome) FILTER (positive) AS treatment, avg(outcome) FILTER (NOT positive) AS control,
            avg(outcome) FILTER (positive IS NOT NULL) AS either,
            count(positive) AS photos, count(*) FILTER (positive) AS positive_photos
        FROM (
            SELECT {run.column(by)} AS person, {run.positive(name)} AS positive, {run.number(outcome)} AS outcome
            FROM {run.photos}
        ) WHERE person IS NOT NULL GROUP BY person ORDER BY hash(person), person LIMIT {MOST_UNITS}"""
    ).astype(float)


def compare_persons(persons: pd.DataFrame) -> dict[str, Comparison]:
    treatment, control = persons["treatment"].to_numpy(), persons["control"].to_numpy()
    groups = group_of(persons["photos"].to_numpy(), persons["positive_photos"].to_numpy())
    every, none = (persons["either"].where(groups == group).to_numpy() for group in ("all", "none"))
    return {
        WITH_WITHOUT: compare(treatment, control),
        PAIRED: compare_within(treatment, control),
        ALL_NONE: compare(every, none),
    }


def make_row(name: str, label: str, comparison: Comparison) -> dict[str, object]:
    """A line of the table; an interval's ends are columns of their own."""
    row: dict[str, object] = {"attribute": name, "comparison": label, "verdict": comparison.verdict}
    for key, value in comparison._asdict().items():
        row |= (
            dict(zip((key, f"{key}_low", f"{key}_high"), value, strict=True))
            if isinstance(value, Interval)
            else {key: value}
        )
    return row | {"relative_difference": comparison.relative_difference}


def summarise(outcome: str, row: dict) -> str:
    start = f"{row['attribute']}{', same person' if row['comparison'] == PAIRED else ''}"
    if pd.isna(row["difference_low"]):
        return f"{start}: too few photos with or without it to compare {outcome}."
    interval = f"(95 % interval {signed(row['difference_low'])} to {signed(row['difference_high'])})"
    if row["verdict"] == "no clear difference":
        return f"{start}: no clear difference in {outcome} {interval}."
    size = f"{decimal(abs(row['difference']))}, {signed_percent(row['relative_difference'])}"
    return f"{start}: with it, mean {outcome} {row['verdict']} by {size} {interval}."


def draw_differences(outcome: str, frame: pd.DataFrame) -> list[Plot]:
    known = frame[frame["difference_low"].notna()]
    if known.empty:
        return []
    suffixes = {WITH_WITHOUT: "", PAIRED: " (same person)", ALL_NONE: " (all − none)"}
    names = list(known["attribute"] + known["comparison"].map(suffixes))
    intervals = known[["difference", "difference_low", "difference_high"]].to_numpy(float)
    alt = "Dots with bars: difference of means with its 95 % interval, per comparison; the table has the numbers."
    caption = f"Difference in {outcome}; an interval that crosses the dashed line may well be none"
    return [draw_intervals(names, intervals, f"difference in mean {outcome}", caption, alt)]
