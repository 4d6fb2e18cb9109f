"""The report from what was chosen: which sections, in which order."""

from dataclasses import dataclass

from scoring.report.changes import count_changes
from scoring.report.contents import (
    objects_section,
    photos_section,
    probabilities_section,
    shares_section,
    words_section,
)
from scoring.report.dataset import Run, open_run
from scoring.report.drift import measure_drift, shared_classifiers
from scoring.report.examples import examples_section
from scoring.report.impact import compare_section, outcome_section, persons_section
from scoring.report.outcome import compare_outcome
from scoring.report.page import Report
from scoring.report.persons import count_persons, person_groups, shares_by_clusters
from scoring.report.photos import Photos, read_photos
from scoring.report.profile import Profile, profile
from scoring.report.section import Section


@dataclass(frozen=True)
class Choices:
    """What the command's flags say; `by`, `outcome` and `compare` are None where nothing was asked."""

    folder: str
    by: str | None = None
    outcome: str | None = None
    compare: str | None = None
    threshold: float = 0.5
    min_score: float = 0.25
    thumbnails: bool = False


def assemble(choices: Choices) -> Report:
    """Read the runs and make every section. Wrong columns and folders are found before the long work begins.

    Raises ReportError.
    """
    run = open_run(choices.folder)
    other = open_run(choices.compare) if choices.compare else None
    if other is not None:
        shared_classifiers(run, other)
    photos = None
    if choices.by or choices.outcome:
        photos = read_photos(run, choices.threshold, choices.by, choices.outcome)
    counted = profile(run, choices.threshold, choices.min_score)
    before = profile(other, choices.threshold, choices.min_score) if other is not None else None
    sections = [photos_section(run, counted), *impact_sections(photos, choices)]
    if other is not None and before is not None:
        sections.append(drift_section(run, other, (counted, before), choices))
    sections += content_sections(run, counted, before, photos, choices)
    return Report(choices.folder, sections)


def content_sections(
    run: Run, counted: Profile, before: Profile | None, photos: Photos | None, choices: Choices
) -> list[Section]:
    """What is in the photos; objects and captions only where the run has them."""
    clusters = None
    if photos is not None and photos.persons is not None:
        clusters = shares_by_clusters(count_persons(photos), run.classifiers)
    sections = [
        shares_section(run, counted, choices.threshold, clusters),
        probabilities_section(run, counted, choices.threshold, before),
    ]
    if "objects" in run.columns:
        sections.append(objects_section(counted, choices.min_score))
    if "caption" in run.columns:
        sections.append(words_section(counted))
    if choices.thumbnails:
        sections.append(examples_section(run, choices.threshold))
    return sections


def impact_sections(photos: Photos | None, choices: Choices) -> list[Section]:
    sections = []
    if photos is not None and choices.outcome:
        sections.append(outcome_section(choices.outcome, photos, *compare_outcome(photos)))
    if photos is not None and choices.by:
        counts = count_persons(photos)
        groups = person_groups(counts, list(photos.answers))
        sections.append(persons_section(choices.by, photos, counts, groups))
    return sections


def drift_section(run: Run, other: Run, profiles: tuple[Profile, Profile], choices: Choices) -> Section:
    drift = measure_drift(run, other, profiles, choices.min_score)
    changed = count_changes(run, other, shared_classifiers(run, other), choices.threshold, choices.min_score)
    return compare_section(run, other, drift, changed)
