"""The service against itself: what a ratio to a peer has to differ from one by, before it means something."""

from statistics import median

from bench.context import SATURATION, Context
from bench.report import make_table
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
        rows.append([workload, clients])
        for name in ("rate", "p99"):
            pairs = zip(measured["one"], measured["other"], strict=True)
            rows[-1] += find_range([getattr(other, name) / getattr(one, name) for one, other in pairs])
    return make_table(HEAD, rows)


def find_range(ratios: list[float]) -> list[float]:
    """The least and the most of the medians that a comparison of ROUNDS rounds would have reported."""
    medians = [median(ratios[start : start + ROUNDS]) for start in range(0, len(ratios), ROUNDS)]
    return [min(medians), max(medians)]
