"""The sections of the bench, each a function from the context to Markdown, in the order of bench/README.md."""

from collections.abc import Callable

from bench.context import Context
from bench.sections.classifiers import measure_classifiers
from bench.sections.endurance import measure_memory, measure_start
from bench.sections.noise import measure_noise
from bench.sections.overload import measure_overload
from bench.sections.peers import measure_peers
from bench.sections.profile import measure_profile
from bench.sections.providers import measure_providers
from bench.sections.scale import measure_scale
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
    "scale": measure_scale,
    "tuning": measure_tuning,
    "providers": measure_providers,
    "profile": measure_profile,
    "overload": measure_overload,
    "memory": measure_memory,
    "start": measure_start,
    "noise": measure_noise,
    "peers": measure_peers,
}
