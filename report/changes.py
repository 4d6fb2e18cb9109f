"""What two runs say of the same photos: how a new version of a model is judged against the old."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from contract.tasks import Task
from report.dataset import Run
from report.detection import kept_labels
from report.drift import shared_models
from report.options import Options
from report.statistics import change_p, wilson

CHANGED = [
    *("output", "photos", "to_positive", "to_negative", "changed", "share", "share_low", "share_high"),
    *("direction_p", "mean_change"),
]


def count_changes(new: Run, old: Run, options: Options) -> pd.DataFrame:
    """The table CHANGED, a line per output; empty when no photo is in both runs."""
    rows = [
        count(old, new, name, options)
        for name in shared_models(new, old)
        if (count := COUNTS.get(Task(new.models[name].task)))
    ]
    frame = pd.DataFrame(rows, columns=CHANGED)
    return frame[frame["photos"] > 0]


def classification_row(old: Run, new: Run, name: str, options: Options) -> list[object]:
    both = join(old, new, old.column(name), new.column(name))
    photos, to_positive, to_negative, mean_change = new.row(
        f"""SELECT count(*), count(*) FILTER (before < $threshold AND after >= $threshold),
        count(*) FILTER (before >= $threshold AND after < $threshold), avg(abs(after - before)) FROM {both}""",
        threshold=options.threshold,
    )
    changed = to_positive + to_negative
    p = change_p(to_positive, to_negative)
    return [name, photos, to_positive, to_negative, changed, *wilson(changed, photos), p, mean_change]


def caption_row(old: Run, new: Run, name: str, _: Options) -> list[object]:
    return other_row(f"{name} (other text)", new, join(old, new, old.column(name), new.column(name)))


def detection_row(old: Run, new: Run, name: str, options: Options) -> list[object]:
    both = join(old, new, *(f"len({kept_labels(run, name)})" for run in (old, new)))
    return other_row(f"{name} (number of boxes)", new, both, min_score=options.min_score)


COUNTS: dict[Task, Callable[[Run, Run, str, Options], list[object]]] = {
    Task.CLASSIFICATION: classification_row,
    Task.CAPTION: caption_row,
    Task.DETECTION: detection_row,
}


def other_row(output: str, new: Run, both: str, **values: object) -> list[object]:
    photos, changed = new.row(f"SELECT count(*), count(*) FILTER (before <> after) FROM {both}", **values)
    return [output, photos, None, None, changed, *wilson(changed, photos), np.nan, np.nan]


def join(old: Run, new: Run, before: str, after: str) -> str:
    """SQL for the values `before` and `after` of each photo that both runs have, matched by content."""
    each = [
        f"""(SELECT {run.column("sha256")} AS sha256, any_value({value}) AS {name} FROM {run.photos}
        WHERE {run.column("sha256")} IS NOT NULL AND {value} IS NOT NULL GROUP BY {run.column("sha256")})"""
        for run, name, value in ((old, "before", before), (new, "after", after))
    ]
    return f"{each[0]} JOIN {each[1]} USING (sha256)"
