"""Captioners: words by frequency."""

import pandas as pd

from contract.tasks import Task
from report.dataset import Run
from report.detection import count_photos
from report.options import Options
from report.plots import draw_frequencies
from report.section import Section
from report.table import Column, Table, count, share

# Words that say nothing of a photo.
FUNCTION_WORDS = ["a", "an", "and", "are", "at", "by", "in", "is", "of", "on", "the", "there", "to", "with"]
WORD = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}_''-]*"  # inside quotes of SQL
WORDS = [
    Column("word", "Word"),
    Column("photos", "Captions with it", count),
    Column("share", "Share of captions", share),
]


def describe_captioners(run: Run, _: Run | None, __: Options) -> list[Section]:
    return [words_section(run, name) for name in run.names(Task.CAPTION)]


def words_section(run: Run, name: str) -> Section:
    frame, captions = count_words(run, name), count_photos(run, name)
    frame["share"] = frame["photos"] / max(captions, 1)
    text = (
        f"{captions:,} captions, {len(frame):,} words. A word counts once per caption; words such as “a” and “with” "
        "are left out."
    )
    plots = draw_frequencies(frame, "word", f"{name}: captions with the word")
    table = Table(f"{name}_words", f"Words of {name}", WORDS, frame)
    return Section(f"model-{name}", f"Words: {name}", text=[text], plots=plots, tables=[table])


def count_words(run: Run, name: str) -> pd.DataFrame:
    """Captions that hold a word, the most frequent first; each counts once per caption, however often it is there."""
    return run.query(
        f"""SELECT word, count(*) AS photos FROM (
            SELECT unnest(list_distinct(regexp_extract_all(lower({run.column(name)}), '{WORD}'))) AS word
            FROM {run.photos}
        ) WHERE NOT list_contains($function_words, word) GROUP BY word ORDER BY photos DESC, word""",
        function_words=FUNCTION_WORDS,
    )
