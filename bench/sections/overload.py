"""Twice the load that the service can take."""

from contextlib import ExitStack, suppress
from statistics import median

from bench.context import Context, Run, run_together
from bench.load import Measured
from bench.peers.running import PeerUnavailable, start_peer
from bench.peers.table import WEB_SERVER_ALONE
from bench.report import compare, make_table, summarise
from bench.work import EVERYTHING

CLIENTS_AT_PEAK = 32
QUEUE_SECONDS = 2.0  # what a request waits for its turn at most (QUEUE_SECONDS)
CLIENTS = 256  # of the open loop; more than the service lets in


def measure_overload(context: Context) -> str:
    """The peak by a closed loop, and twice its rate by an open loop: latency counts from when a request is due. The
    bound is the peak beside a bare Flask that takes all that has to be refused."""
    seconds = context.seconds * 3
    peak = context.gateway("raw", EVERYTHING, CLIENTS_AT_PEAK, seconds=seconds)
    rate = peak().rate
    runs = {"peak": peak, "over": context.gateway("raw", EVERYTHING, CLIENTS, rate=2 * rate, seconds=seconds)}
    refusals: list[Measured] = []
    with ExitStack() as stack:
        with suppress(PeerUnavailable):  # there is no bound then
            url, process = stack.enter_context(start_peer(WEB_SERVER_ALONE, context.work(EVERYTHING)))
            refuse = context.load("raw", url, CLIENTS, rate=rate, seconds=seconds, pid=process.pid)
            runs["beside"] = lambda: run_beside(peak, refuse, refusals)
        measured = context.measure_in_turns(runs)
    judge(measured, context)
    return f"{tabulate(measured, seconds)}\n\n{describe(measured, refusals)}"


def run_beside(peak: Run, refuse: Run, refusals: list[Measured]) -> Measured:
    """The peak while `refuse` runs, which is noted in `refusals`."""
    measured, refused = run_together(peak, refuse)
    refusals.append(refused)
    return measured


def judge(measured: dict[str, list[Measured]], context: Context) -> None:
    peak, over = measured["peak"], measured["over"]
    bound = QUEUE_SECONDS * 1000 + middle(peak, "p99")
    context.expect_at_least("goodput at twice the peak's load, of the peak", 0.9, compare(over, peak))
    context.expect_at_most(
        "p99 ms at twice the peak's load: queue time-out and service time", round(bound), middle(over, "p99")
    )


def tabulate(measured: dict[str, list[Measured]], seconds: float) -> str:
    peak, over = measured["peak"], measured["over"]
    refused = median(each.refused / (each.rate * seconds + each.refused) for each in over)
    rows = []
    for name, rounds, cells in (
        (f"{CLIENTS_AT_PEAK} clients, closed loop", peak, ["–", "–"]),
        ("twice that rate, open loop", over, [refused, middle(over, "refusal")]),
    ):
        rate, _, p99, _, failed = summarise(rounds)
        rows.append([name, rate, p99, *cells, failed])
    head = ["everything", "good photos/s", "p99 ms of good answers", "share refused", "median ms to refuse", "failed"]
    return make_table(head, rows)


def describe(measured: dict[str, list[Measured]], refusals: list[Measured]) -> str:
    peak, over = measured["peak"], measured["over"]
    why = next((f" First failure: `{each.why[:150]}`." for each in over if each.why), "")
    text = (
        f"Goodput under overload is {compare(over, peak):.2f} of the peak. The clients run on the same cores: at twice "
        f"the peak's rate they take {middle(over, 'client_cpu'):.1f} ms of processor time per good answer, "
        f"{middle(peak, 'client_cpu'):.1f} ms at the peak.{why}"
    )
    if not refusals:
        return text
    return (
        f"{text}\n\nThe bound: the clients of the peak beside a bare Flask with gunicorn, which answers as many more "
        f"requests with a constant, get {compare(measured['beside'], peak):.2f} of the peak. Such an answer takes "
        f"{middle(refusals, 'cpu'):.1f} ms of the server and {middle(refusals, 'client_cpu'):.1f} ms of its client."
    )


def middle(rounds: list[Measured], name: str) -> float:
    return median(getattr(each, name) for each in rounds)
