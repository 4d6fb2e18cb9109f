"""The section that compares a run with another: drift, and predictions that changed on the same photos."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from contract.tasks import Task
from report.dataset import Run
from report.drift import SHIFTED, STABLE, measure_drift, measure_shifts
from report.errors import ReportError
from report.section import Section
from report.statistics import change_p, wilson
from report.table import Table, decimal, percent, quantity

CHANGED = ["output", "photos", "up", "down", "changed", "share", "share_low", "share_high", "direction_p"]
DRIFT = (
    f"PSI is the population stability index over the deciles of the other run: below {STABLE:g} stable, up to "
    f"{SHIFTED:g} some drift, above that a shift, unless so few photos reach as much by chance (in 1 of 20 cases, if "
    "nothing moved). KS is the Kolmogorov–Smirnov distance, the largest gap between the two cumulative distributions. "
    "Both compare populations: if other photos were scored, they move also where the models did not."
)
SHIFTS = "The mean of an embedding moves by 0 (not at all) to 2; what chance reaches is found by permutation."
CHANGES = (
    "Photos (by content) that are in both runs: there only the models can make the difference. Up is from negative to "
    "positive, or to more boxes. A small p of the direction (McNemar's exact test) says that changes go one way."
)


def shared_models(new: Run, old: Run) -> list[str]:
    """The models of both whose columns mean the same. Raises ReportError if there are none."""
    shared = [name for name in new.cards if name in old.cards and new.meaning(name) == old.meaning(name)]
    if not shared:
        have = (f"{run.folder} has {', '.join(map(run.describe, run.cards))}" for run in (new, old))
        raise ReportError(f"--compare: the two runs share no outputs: {'; '.join(have)}")
    return shared


def baseline_section(new: Run, old: Run) -> Section:
    names = shared_models(new, old)
    drift, shifts = measure_drift(new, old, names), measure_shifts(new, old, names)
    changed = count_changes(new, old, names)
    tables = {
        "": Table("versions", "Models of the two runs", compare_versions(new, old)),
        DRIFT: Table("drift", "Drift of each output", drift),
        SHIFTS: Table("shifts", "Drift of the mean embedding", shifts),
        CHANGES: Table("changed", "Predictions that changed on the same photos", changed),
    }
    tables = {text: table for text, table in tables.items() if len(table.frame)}
    text = [f"From {old.folder} to {new.folder}.", *filter(None, tables)]
    if changed.empty:
        text.append("No photo is in both runs, so predictions cannot be compared photo by photo.")
    summary = [*summarise_drift(drift, shifts), *map(summarise_change, changed.to_dict("records"))]
    return Section("compare", "Compared with another run", summary, text, tables=list(tables.values()))


def compare_versions(new: Run, old: Run) -> pd.DataFrame:
    names = list(dict.fromkeys([*old.cards, *new.cards]))
    before, after = ([run.version(name) for name in names] for run in (old, new))
    same = ["yes" if each == other else "no" for each, other in zip(before, after, strict=True)]
    return pd.DataFrame({"model": names, "before": before, "after": after, "same": same})


def count_changes(new: Run, old: Run, names: list[str]) -> pd.DataFrame:
    """The table CHANGED, a line per output; empty when no photo is in both runs."""
    rows = [count_change(new, old, name) for name in names if new.cards[name].task in COMPARED]
    frame = pd.DataFrame(rows, columns=CHANGED)
    return frame[frame["photos"] > 0].astype({"up": "Int64", "down": "Int64"})


def count_change(new: Run, old: Run, name: str) -> list[object]:
    """A line of CHANGED. Values that have an order change up or down; texts only change."""
    heading, value = COMPARED[new.cards[name].task]
    photos, up, down, changed = new.row(
        f"""SELECT count(*), count(*) FILTER (after > before), count(*) FILTER (after < before),
            count(*) FILTER (after <> before)
        FROM {by_content(old, value(old, name), "before")} JOIN {by_content(new, value(new, name), "after")}
        USING (sha256)"""
    )
    interval = wilson(changed, photos)
    if new.cards[name].task == Task.CAPTION:
        return [name + heading, photos, None, None, changed, *interval, np.nan]
    return [name + heading, photos, up, down, changed, *interval, change_p(up, down)]


# What is compared, in words behind the model's name and in SQL.
COMPARED: dict[Task, tuple[str, Callable[[Run, str], str]]] = {
    Task.CLASSIFICATION: ("", Run.positive),
    Task.CAPTION: (" (other text)", Run.column),
    Task.DETECTION: (" (number of boxes)", lambda run, name: f"len({run.labels(name)})"),
}


def by_content(run: Run, value: str, name: str) -> str:
    """SQL for a value per different photo."""
    sha = run.column("sha256")
    return f"""(SELECT {sha} AS sha256, any_value({value}) AS {name} FROM {run.photos}
        WHERE {sha} IS NOT NULL AND ({value}) IS NOT NULL GROUP BY {sha})"""


def summarise_drift(drift: pd.DataFrame, shifts: pd.DataFrame) -> list[str]:
    moved = [
        f"{row['output']}: {row['verdict']} against the other run (PSI {decimal(row['psi'])})."
        for row in drift[drift["verdict"].isin(["shifted", "some drift"])].to_dict("records")
    ]
    moved += [
        f"{row['embedding']}: the mean moved by {decimal(row['distance'])}, more than by chance."
        for row in shifts[shifts["distance"] > shifts["distance_by_chance"]].to_dict("records")
    ]
    return moved or ["No output drifted against the other run."]


def summarise_change(row: dict) -> str:
    directions = "" if pd.isna(row["up"]) else f"; {row['up']:,} up, {row['down']:,} down"
    part = f"{row['changed']:,} of {quantity(row['photos'], 'same photo', 'same photos')}"
    return f"{row['output']}: changed in {part} ({percent(row['share'])}{directions})."
