"""The sections of the bench, each a function from the context to Markdown, in the order of bench/README.md."""

from collections.abc import Callable

from bench.context import Context
from bench.sections.classifiers import measure_classifiers
from bench.sections.compare import measure_compare
from bench.sections.endurance import measure_memory, measure_start
from bench.sections.overload import measure_overload
from bench.sections.peers import measure_peers
from bench.sections.pieces import measure_pieces
from bench.sections.speed import measure_concurrency, measure_limit
from bench.sections.steps import measure_steps
from bench.sections.tuning import measure_tuning
from bench.sections.workloads import measure_workloads

SECTIONS: dict[str, Callable[[Context], str]] = {
    "limit": measure_limit,
    "steps": measure_steps,
    "concurrency": measure_concurrency,
    "workloads": measure_workloads,
    "classifiers": measure_classifiers,
    "tuning": measure_tuning,
    "pieces": measure_pieces,
    "overload": measure_overload,
    "memory": measure_memory,
    "start": measure_start,
    "peers": measure_peers,
}

# Printed only, and only when it is asked for.
ON_REQUEST = {"compare": measure_compare}
