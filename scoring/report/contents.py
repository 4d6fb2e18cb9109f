"""Sections on one run: photos and errors, probabilities, shares, objects and words."""

from collections import Counter

import pandas as pd

from scoring.report.dataset import Run
from scoring.report.plots import Plot, draw_bars, draw_histogram
from scoring.report.profile import BINS, Profile
from scoring.report.section import Section
from scoring.report.statistics import wilson
from scoring.report.summary import summarise_photos, summarise_shares
from scoring.report.table import Column, Kind, Table, share

BARS = 15


def photos_section(run: Run, counted: Profile) -> Section:
    """How many photos, what went wrong, and which models answered."""
    kinds = [
        [kind, count, count / counted.photos, counted.error_sources[kind]]
        for kind, count in counted.errors.most_common()
    ]
    errors = pd.DataFrame(kinds, columns=["error", "photos", "share", "example"])
    tables = [Table("models", "Models that answered", MODELS, models_frame(run, counted))]
    if len(errors):
        tables.insert(0, Table("errors", "Photos without an answer, by kind of error", ERRORS, errors))
    text = [
        f"{counted.photos:,} rows: {counted.good:,} photos with answers, {counted.failed:,} without "
        f"({share(counted.failed / counted.photos)}). Everything below is about the photos with answers."
    ]
    mixed = sorted(name for name, times in Counter(name for name, _ in counted.versions).items() if times > 1)
    warning = ""
    if mixed:
        warning = f"More than one version of {', '.join(mixed)} answered in this run: its figures mix them."
    return Section("photos", "Photos", [summarise_photos(counted)], text, warning, tables=tables)


ERRORS = [
    Column("error", "Kind of error"),
    Column("photos", "Photos", Kind.COUNT),
    Column("share", "Share", Kind.SHARE),
    Column("example", "Example"),
]
MODELS = [
    Column("model", "Model"),
    Column("task", "Task"),
    Column("positive", "A yes means"),
    Column("version", "Version and checksum", Kind.CHECKSUM),
    Column("photos", "Photos", Kind.COUNT),
]


def models_frame(run: Run, counted: Profile) -> pd.DataFrame:
    rows = []
    for name, model in run.models.items():
        versions = {text: photos for (each, text), photos in counted.versions.items() if each == name}
        for text, photos in (versions or {f"{model.version} {model.checksum}": counted.good}).items():
            rows.append([name, str(model.task), model.positive or "", text, photos])
    return pd.DataFrame(rows, columns=["model", "task", "positive", "version", "photos"])


def probabilities_section(run: Run, counted: Profile, threshold: float, before: Profile | None) -> Section:
    """The distribution of every classifier's probability."""
    plots, rows = [], []
    for name in run.classifiers:
        counts = counted.histograms[name]
        plots.append(histogram(run, counted, name, threshold, before))
        rows += [
            [name, index / BINS, (index + 1) / BINS, int(count), int(count) / max(int(counts.sum()), 1)]
            for index, count in enumerate(counts)
        ]
    frame = pd.DataFrame(rows, columns=["attribute", "from", "to", "photos", "share"])
    text = [
        "A classifier that is sure of itself has most photos near 0 and near 1. Many photos in the middle mean that "
        f"the threshold (dashed, {threshold:g}) decides much, and that the shares should be read with care. "
        "The counts behind the plots are in probabilities.csv."
    ]
    tables = [Table("probabilities", "Photos per range of probability", [], frame, limit=0)]
    return Section("probabilities", "Probabilities", text=text, plots=plots, tables=tables)


def histogram(run: Run, counted: Profile, name: str, threshold: float, before: Profile | None) -> Plot:
    positive, answered = counted.positives[name], max(counted.answered[name], 1)
    other = before.histograms.get(name) if before else None
    heading = f"{name}: probability of “{run.models[name].positive}”"
    alt = f"Histogram of {heading}. {share(positive / answered)} of the photos are at or above {threshold:g}."
    return draw_histogram(counted.histograms[name], threshold, other, heading, alt)


def shares_section(
    run: Run, counted: Profile, threshold: float, clusters: dict[str, tuple[float, float]] | None
) -> Section:
    """Share of photos per attribute. `clusters`: intervals from drawing persons; else photos count as independent."""
    frame = shares_frame(run, counted, clusters)
    method = (
        "The intervals come from drawing persons, since the photos of one person are alike (95 %, bootstrap)."
        if clusters
        else "The intervals (95 %, Wilson) take photos as independent; with several photos per person, name the column "
        "with --by and they become wider and right."
    )
    text = [
        f"A photo counts as a yes from a probability of {threshold:g}. This is what the models say, not what is in "
        f"the photos: a model's own errors are in no interval. {method}"
    ]
    table = Table("shares", "Photos that show the attribute", SHARES, frame)
    return Section("shares", "Shares of photos", summarise_shares(frame), text, tables=[table])


SHARES = [
    Column("attribute", "Attribute"),
    Column("positive", "A yes means"),
    Column("photos", "Photos", Kind.COUNT),
    Column("yes", "Yes", Kind.COUNT),
    Column("share", "Share (95 % interval)", Kind.SHARE, interval=True),
]


def shares_frame(run: Run, counted: Profile, clusters: dict[str, tuple[float, float]] | None) -> pd.DataFrame:
    rows = []
    for name in run.classifiers:
        yes, photos = counted.positives[name], counted.answered[name]
        estimate, *interval = wilson(yes, photos)
        rows.append(
            [name, run.models[name].positive, photos, yes, estimate, *(clusters[name] if clusters else interval)]
        )
    return pd.DataFrame(rows, columns=["attribute", "positive", "photos", "yes", "share", "share_low", "share_high"])


def objects_section(counted: Profile, min_score: float) -> Section:
    """Labels of the objects by frequency."""
    rows = [[label, count, counted.photos_with[label]] for label, count in counted.objects.most_common()]
    frame = pd.DataFrame(rows, columns=["label", "objects", "photos"])
    frame["share"] = frame["photos"] / max(counted.good, 1)
    text = [f"{counted.objects.total():,} objects with a score of at least {min_score:g}, {len(frame):,} labels."]
    plots = frequency_plot(frame, "label", "Photos with the object")
    table = Table("objects", "Objects by label", OBJECTS, frame)
    return Section("objects", "Objects", text=text, plots=plots, tables=[table])


OBJECTS = [
    Column("label", "Label"),
    Column("objects", "Objects", Kind.COUNT),
    Column("photos", "Photos with it", Kind.COUNT),
    Column("share", "Share of photos", Kind.SHARE),
]


def words_section(counted: Profile) -> Section:
    """Words of the captions by frequency."""
    rows = [[word, count, count / counted.captions] for word, count in counted.words.most_common()]
    frame = pd.DataFrame(rows, columns=["word", "photos", "share"])
    text = [
        f"{counted.captions:,} captions, {len(frame):,} words. A word counts once per caption; words such as “a” and "
        "“with” are left out."
    ]
    plots = frequency_plot(frame, "word", "Captions with the word")
    table = Table("words", "Words", WORDS, frame)
    return Section("words", "Words of the captions", text=text, plots=plots, tables=[table])


WORDS = [
    Column("word", "Word"),
    Column("photos", "Captions with it", Kind.COUNT),
    Column("share", "Share of captions", Kind.SHARE),
]


def frequency_plot(frame: pd.DataFrame, key: str, label: str) -> list[Plot]:
    if frame.empty:
        return []
    top = frame.head(BARS)
    first = f"The most frequent is {top[key].iloc[0]} with {top['photos'].iloc[0]:,} photos."
    alt = f"Bars: {label.lower()}, the {len(top)} most frequent. {first}"
    return [draw_bars(list(top[key]), list(top["photos"]), "photos", f"{label}, the most frequent", alt)]
