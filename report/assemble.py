"""The report from its options: which sections, in which order."""

from collections.abc import Callable
from contextlib import closing

from contract.tasks import Task
from report.baseline import baseline_section, shared_models
from report.caption import describe_captioners
from report.classification import describe_classifiers
from report.dataset import Run, connect, open_run
from report.detection import describe_detectors
from report.embedding import describe_embeddings
from report.errors import ReportError
from report.options import Options
from report.outcome import check_outcome, outcome_section
from report.overview import photos_section
from report.persons import check_person, persons_section
from report.section import Section
from report.thumbnails import examples_section

TASKS: dict[Task, Callable[[Run, Run | None, Options], list[Section]]] = {
    Task.CLASSIFICATION: describe_classifiers,
    Task.DETECTION: describe_detectors,
    Task.CAPTION: describe_captioners,
    Task.EMBEDDING: describe_embeddings,
}


def assemble(options: Options) -> list[Section]:
    """Read the runs and make every section. Wrong columns and folders are found before the long work begins.

    Raises ReportError.
    """
    limits = options.threshold, options.min_score
    with closing(connect()) as database:
        run = open_run(database, options.dataset, "run", *limits)
        baseline = open_run(database, options.compare, "baseline", *limits) if options.compare else None
        check(run, baseline, options)
        return list_sections(run, baseline, options)


def check(run: Run, baseline: Run | None, options: Options) -> None:
    """Raises ReportError."""
    for card in run.cards.values():
        if card.task not in TASKS:
            raise ReportError(f"{run.folder}: the report does not know the task {card.task} of {card.name}")
    if baseline:
        shared_models(run, baseline)
    if options.by:
        check_person(run, options.by)
    if options.outcome:
        check_outcome(run, options.outcome)
    if (options.by or options.outcome) and not run.names(Task.CLASSIFICATION):
        raise ReportError(f"{run.folder} has no classifier, whose attributes --by and --outcome are about")
    if (options.by or options.outcome) and not run.row(f"SELECT count(*) FROM {run.photos}")[0]:
        raise ReportError(f"{run.folder} holds no photo that could be read, so there is nothing to compare")


def list_sections(run: Run, baseline: Run | None, options: Options) -> list[Section]:
    sections = [photos_section(run)]
    if options.outcome:
        sections.append(outcome_section(run, options.outcome, options))
    if options.by:
        sections.append(persons_section(run, options.by, options))
    if baseline:
        sections.append(baseline_section(run, baseline))
    for describe in TASKS.values():
        sections += describe(run, baseline, options)
    if options.thumbnails:
        sections.append(examples_section(run))
    return sections
