"""What people would use instead, against the service, in turns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from bench.context import SATURATION, Context
from bench.peers.running import PeerUnavailable, start_peer
from bench.peers.table import PEERS, Peer
from bench.photos import write_photo
from bench.report import compare, make_table, summarise
from bench.sections.classifiers import write_repositories
from bench.service import start_service
from bench.variants import repository_options
from bench.work import ATTRIBUTES, EVERYTHING

HEAD = ("", "pixels", "workload", "clients", "peer photos/s", "peer p99 ms", "peer CPU ms")
HEAD += ("our rate to its", "our p99 to its")
ROUNDS, SECONDS = 3, 2.0
PHONE, AGAIN = "12 megapixels, attributes", "the same photo again, everything"
SMALL = "one small classifier, whole photo"
SAME, DOCUMENTED = "ours", "Pillow's documents"
# Bounds of our rate to the best peer's, and of our p99 to the best.
AIMS = {
    (SAME, ATTRIBUTES): (1.0, 1.0),
    (SAME, EVERYTHING): (1.0, 1.0),
    (SAME, SMALL): (0.9, None),
    (SAME, AGAIN): (1.0, 1.0),
    **{(DOCUMENTED, name): (2.0, 0.7) for name in (ATTRIBUTES, EVERYTHING, PHONE)},
}


@dataclass(frozen=True)
class Case:
    """One row for each peer: `pixels` says whose code decodes, `changes` what is special about the load."""

    pixels: str
    name: str
    workload: str
    clients: int = SATURATION
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """What was measured of a peer; `ratios` are of our rate and our p99, empty for one that was not run."""

    peer: str
    case: Case
    cells: Sequence[object]
    ratios: tuple[float, ...] = ()


def measure_peers(context: Context) -> str:
    """A table with a row for each peer, case and number of clients."""
    cases = list_cases(str(write_photo(context.folder / "large.jpg", 4000, 3000)))
    rows = [row for peer in PEERS if not peer.small_only for row in measure_peer(peer, cases, context)]
    folder = context.folder / "small"
    write_repositories(folder, 1)
    with start_service(*repository_options(folder)) as service:
        small, here = [Case(SAME, SMALL, ATTRIBUTES)], context.at(service, folder)
        rows += [row for peer in PEERS for row in measure_peer(peer, small, here)]
    judge(rows, context)
    return make_table(HEAD, [[row.peer, row.case.pixels, row.case.name, row.case.clients, *row.cells] for row in rows])


def list_cases(large: str) -> list[Case]:
    """Those with the bundled models. `large`: a photo of 12 megapixels."""
    phone = {"photos": (large,)}
    return [
        Case(SAME, ATTRIBUTES, ATTRIBUTES),
        Case(SAME, ATTRIBUTES, ATTRIBUTES, 64),
        Case(SAME, PHONE, ATTRIBUTES, changes=phone),
        Case(SAME, EVERYTHING, EVERYTHING),
        Case(SAME, EVERYTHING, EVERYTHING, 64),
        Case(SAME, AGAIN, EVERYTHING, changes={"distinct": False}),
        Case(DOCUMENTED, ATTRIBUTES, ATTRIBUTES),
        Case(DOCUMENTED, PHONE, ATTRIBUTES, changes=phone),
        Case(DOCUMENTED, EVERYTHING, EVERYTHING),
    ]


def measure_peer(peer: Peer, cases: Sequence[Case], context: Context) -> Iterator[Row]:
    """The rows of one peer; those say why, where it does not run."""
    for (pixels, workload), group in groupby(cases, key=lambda case: (case.pixels, case.workload)):
        left = list(group)
        try:
            with start_peer(peer, context.work(workload, documented=pixels == DOCUMENTED)) as (url, process):
                while left:
                    yield compare_with(peer, url, process.pid, left[0], context)
                    left.pop(0)
        except PeerUnavailable as error:
            why = f"not run: {str(error)[:120]}".replace("|", "/")
            yield from (Row(peer.title, case, [*["–"] * 4, why]) for case in left)


def compare_with(peer: Peer, url: str, pid: int, case: Case, context: Context) -> Row:
    """One row. Raises PeerUnavailable for a peer that breaks under load, which is a result."""
    changes = {"seconds": SECONDS} | case.changes
    theirs = context.load(peer.way, url, case.clients, pid=pid, **changes)
    if peer.way == "grpc" and case.name != AGAIN:  # the gateway knows what it has answered, Triton does not
        ours = context.grpc(case.workload, case.clients, **changes)
    else:
        way = "multipart" if peer.way == "multipart" else "raw"
        ours = context.gateway(way, case.workload, case.clients, **changes)
    try:
        measured = context.measure_in_turns({"peer": theirs, "ours": ours}, ROUNDS)
    except Exception as error:
        raise PeerUnavailable(f"{case.name}, {case.clients} clients: {type(error).__name__}") from error
    base, own = measured["peer"], measured["ours"]
    rate, _, p99, cpu, _ = summarise(base)
    ratios = compare(own, base), compare(own, base, "p99")
    return Row(peer.title, case, [rate, p99, cpu, *ratios], ratios)


def judge(rows: Sequence[Row], context: Context) -> None:
    """Note the smallest lead over the peers, case by case."""
    for (pixels, name), (rate, p99) in AIMS.items():
        measured = [row for row in rows if row.ratios and (row.case.pixels, row.case.name) == (pixels, name)]
        if not measured:
            continue
        what = name if pixels == SAME else f"{name}, as documented"
        fastest, soonest = min(measured, key=lambda row: row.ratios[0]), max(measured, key=lambda row: row.ratios[1])
        context.expect_at_least(f"{what}: our rate to the best peer's ({fastest.peer})", rate, fastest.ratios[0])
        if p99:
            context.expect_at_most(f"{what}: our p99 to the best peer's ({soonest.peer})", p99, soonest.ratios[1])
