"""The section that compares a run with another one."""

import pandas as pd

from report.changes import count_changes
from report.dataset import Run
from report.drift import SHIFTED, STABLE, measure_drift, measure_shifts
from report.options import Options
from report.section import Section
from report.table import Column, Table, count, decimal, release, share

VERSIONS = [
    Column("model", "Model"),
    Column("before", "The other run", release),
    Column("after", "This run", release),
    Column("same", "Same"),
]
DRIFT = [
    Column("output", "Output"),
    Column("mean_before", "Mean, other run", decimal),
    Column("mean_after", "Mean, this run", decimal),
    Column("psi", "PSI", decimal),
    Column("psi_by_chance", "by chance up to", decimal),
    Column("ks", "KS", decimal),
    Column("verdict", "In words"),
]
SHIFTS = [
    Column("output", "Embedding"),
    Column("photos_before", "Photos, other run", count),
    Column("photos_after", "Photos, this run", count),
    Column("distance", "Distance of the means", decimal),
    Column("distance_by_chance", "by chance up to", decimal),
]
CHANGES = [
    Column("output", "Output"),
    Column("photos", "Photos in both", count),
    Column("to_positive", "Became positive", count),
    Column("to_negative", "Became negative", count),
    Column("changed", "Changed", count),
    Column("share", "Share (95 % interval)", share, interval=True),
    Column("direction_p", "p of the direction", decimal),
    Column("mean_change", "Mean change of the probability", decimal),
]


def baseline_section(new: Run, old: Run, options: Options) -> Section:
    """Drift of every output, and predictions that changed on the same photos."""
    drift, shifts, changed = (
        measure_drift(new, old, options),
        measure_shifts(new, old),
        count_changes(new, old, options),
    )
    text = [
        f"From {old.folder} to {new.folder}. PSI is the population stability index over the deciles of the other run: "
        f"below {STABLE:g} stable, up to {SHIFTED:g} some drift, above that a shift, unless so few photos reach as "
        "much by chance (in 1 of 20 cases, if nothing moved). KS is the Kolmogorov–Smirnov distance, the largest gap "
        "between the two cumulative distributions. Both compare populations: if other photos "
        "were scored, they move also where the models did not."
    ]
    tables = [
        Table("versions", "Models of the two runs", VERSIONS, compare_versions(new, old)),
        Table("drift", "Drift of each output", DRIFT, drift),
    ]
    if len(shifts):
        text.append("The mean of an embedding moves from 0 (not at all) to 2; chance as above, by permutation.")
        tables.append(Table("shifts", "Drift of the mean embedding", SHIFTS, shifts))
    if len(changed):
        text.append(
            f"{int(changed['photos'].max()):,} photos (by content) are in both runs: there only the models can make "
            "the difference. A small p of the direction (McNemar's exact test) says that predictions moved one way."
        )
        tables.append(Table("changed", "Predictions that changed on the same photos", CHANGES, changed))
    else:
        text.append("No photo is in both runs, so predictions cannot be compared photo by photo.")
    summary = summarise_drift(drift, shifts) + summarise_changes(changed)
    return Section("compare", "Compared with another run", summary, text, tables=tables)


def compare_versions(new: Run, old: Run) -> pd.DataFrame:
    rows = []
    for name in dict.fromkeys([*old.models, *new.models]):
        before, after = (run.models[name].release if name in run.models else "absent" for run in (old, new))
        rows.append([name, before, after, "yes" if before == after else "no"])
    return pd.DataFrame(rows, columns=["model", "before", "after", "same"])


def summarise_drift(drift: pd.DataFrame, shifts: pd.DataFrame) -> list[str]:
    moved = [
        f"{row['output']}: {row['verdict']} against the other run (PSI {decimal(row['psi'])})."
        for row in drift[drift["verdict"].isin(["shifted", "some drift"])].to_dict("records")
    ]
    moved += [
        f"{row['output']}: the mean moved by {decimal(row['distance'])}, by chance up to "
        f"{decimal(row['distance_by_chance'])}."
        for row in shifts[shifts["distance"] > shifts["distance_by_chance"]].to_dict("records")
    ]
    return moved or ["No output drifted against the other run."]


def summarise_changes(changed: pd.DataFrame) -> list[str]:
    return [
        f"{row['output']}: {row['changed']:,} of {row['photos']:,} same photos changed ({share(row['share'])}; "
        f"{row['to_positive']:,.0f} became positive, {row['to_negative']:,.0f} negative)."
        for row in changed[changed["to_positive"].notna()].to_dict("records")
    ]
