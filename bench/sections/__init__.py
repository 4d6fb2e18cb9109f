"""The sections of the bench, each a function from the context to Markdown, in the order of their READMEs."""

from collections.abc import Callable

from bench.context import Context
from bench.scoring import measure_bulk_limit, measure_bulk_memory, measure_bulk_replicas, measure_bulk_scale
from bench.sections.classifiers import measure_classifiers
from bench.sections.compare import measure_compare
from bench.sections.decoders import measure_decoders
from bench.sections.endurance import measure_memory, measure_start
from bench.sections.faces import measure_faces
from bench.sections.gateway import measure_gateway
from bench.sections.overload import measure_overload
from bench.sections.peers import measure_peers
from bench.sections.pieces import measure_pieces
from bench.sections.speed import measure_concurrency, measure_limit
from bench.sections.steps import measure_steps
from bench.sections.tuning import measure_tuning
from bench.sections.workloads import measure_workloads

Section = Callable[[Context], str]
SERVICE: dict[str, Section] = {
    "limit": measure_limit,
    "steps": measure_steps,
    "gateway": measure_gateway,
    "concurrency": measure_concurrency,
    "workloads": measure_workloads,
    "classifiers": measure_classifiers,
    "faces": measure_faces,
    "tuning": measure_tuning,
    "pieces": measure_pieces,
    "decoders": measure_decoders,
    "overload": measure_overload,
    "memory": measure_memory,
    "start": measure_start,
    "peers": measure_peers,
}
# Their tables stand in scoring/README.md.
BULK: dict[str, Section] = {
    "bulk-limit": measure_bulk_limit,
    "bulk-memory": measure_bulk_memory,
    "bulk-replicas": measure_bulk_replicas,
    "bulk-scale": measure_bulk_scale,
}
# Printed only, and only when it is asked for.
ON_REQUEST: dict[str, Section] = {"compare": measure_compare}
SECTIONS = SERVICE | BULK | ON_REQUEST
