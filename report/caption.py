"""Captioners: words by frequency."""

import pandas as pd

from contract.tasks import Task
from report.dataset import Run
from report.options import Options
from report.plots import draw_frequencies
from report.section import Section
from report.table import Table, quantity

# Words that say nothing of a photo.
FUNCTION_WORDS = ("a", "an", "and", "are", "at", "by", "in", "is", "of", "on", "the", "there", "to", "with")
WORD = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}_''-]*"  # inside quotes of SQL


def describe_captioners(run: Run, _: Run | None, __: Options) -> list[Section]:
    return [words_section(run, name) for name in run.names(Task.CAPTION)]


def words_section(run: Run, name: str) -> Section:
    frame = count_words(run, name)
    words = quantity(len(frame), "different word", "different words")
    text = (
        f"{words}. A word counts once per caption; words such as “a” and “with” are left out. "
        "Shares are of the photos with a caption."
    )
    plots = draw_frequencies(frame, f"{name}: captions with the word")
    table = Table(f"{name}_words", f"Words of {name}", frame)
    return Section(f"model-{name}", f"Words: {name}", text=[text], plots=plots, tables=[table])


def count_words(run: Run, name: str) -> pd.DataFrame:
    """Captions that hold a word, the most frequent first; each counts once per caption, however often it is there."""
    return run.query(
        f"""SELECT word, count(*) AS photos, count(*) / (SELECT count({run.column(name)}) FROM {run.photos}) AS share
        FROM (
            SELECT unnest(list_distinct(regexp_extract_all(lower({run.column(name)}), '{WORD}'))) AS word
            FROM {run.photos}
        ) WHERE word NOT IN {FUNCTION_WORDS} GROUP BY word ORDER BY photos DESC, word"""
    )
