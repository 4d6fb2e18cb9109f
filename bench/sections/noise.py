"""The service against itself: what a ratio to a peer has to differ from one by, before it means something."""

from bench.context import SATURATION, Context
from bench.load import Measured
from bench.report import compare, make_table
from bench.sections.peers import ROUNDS, SECONDS
from bench.work import ATTRIBUTES, EVERYTHING

COMPARISONS = 3
HEAD = ("gateway, against itself", "clients", "rate, least", "rate, most", "p99, least", "p99, most")


def measure_noise(context: Context) -> str:
    """Ratios as "What people would use instead" takes them, several times over, of two equal runs."""
    rows: list[list[object]] = []
    for workload, clients in ((ATTRIBUTES, SATURATION), (EVERYTHING, SATURATION), (EVERYTHING, 64)):
        run = context.gateway("raw", workload, clients, seconds=SECONDS)
        measured = context.measure_in_turns({"one": run, "other": run}, ROUNDS * COMPARISONS)
        ranges = [find_range(measured["one"], measured["other"], name) for name in ("rate", "p99")]
        rows.append([workload, clients, *ranges[0], *ranges[1]])
    return make_table(HEAD, rows)


def find_range(one: list[Measured], other: list[Measured], name: str) -> tuple[float, float]:
    """The least and the most that comparisons of ROUNDS rounds each would have reported."""
    starts = range(0, len(one), ROUNDS)
    ratios = [compare(other[start : start + ROUNDS], one[start : start + ROUNDS], name) for start in starts]
    return min(ratios), max(ratios)
