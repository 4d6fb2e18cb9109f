"""Twice the load that the service can take."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench.context import Context
from bench.load import Measured
from bench.peers.running import PeerUnavailable, start_peer
from bench.peers.table import WEB_SERVER_ALONE
from bench.report import make_table
from bench.work import EVERYTHING

CLIENTS_AT_PEAK = 32
QUEUE_SECONDS = 2.0  # what a request waits for its turn at most (QUEUE_SECONDS)
CLIENTS = 256  # of the open loop; more than the service lets in


def measure_overload(context: Context) -> str:
    """The peak by a closed loop, then twice its rate by an open loop: latency counts from when a request is due."""
    peak = run_middle(context.gateway("raw", EVERYTHING, CLIENTS_AT_PEAK), context)
    seconds = context.seconds * 3
    over = run_middle(context.gateway("raw", EVERYTHING, CLIENTS, rate=2 * peak.rate, seconds=seconds), context)
    refused = over.refused / (over.rate * seconds + over.refused)
    rows = [
        [f"{CLIENTS_AT_PEAK} clients, closed loop", peak.rate, peak.p99, "–", "–", peak.failed],
        ["twice that rate, open loop", over.rate, over.p99, refused, over.refusal, over.failed],
    ]
    head = ["everything", "good photos/s", "p99 ms of good answers", "share refused", "median ms to refuse", "failed"]
    why = f" First failure: `{over.why[:150]}`." if over.why else ""
    goodput, bound = over.rate / peak.rate, QUEUE_SECONDS * 1000 + peak.p99
    context.expect_at_least("goodput at twice the peak's load, of the peak", 0.95, goodput)
    context.expect_at_most("p99 ms at twice the peak's load: queue time-out and service time", round(bound), over.p99)
    return (
        make_table(head, rows)
        + f"\n\nGoodput under overload is {goodput:.2f} of the peak. The clients run on the same "
        f"cores: at twice the peak's rate they take {over.client_cpu:.1f} ms of processor time per good answer, "
        f"{peak.client_cpu:.1f} ms at the peak.{why}{describe_bound(context, peak)}"
    )


def describe_bound(context: Context, peak: Measured) -> str:
    """What is left of the peak when a bare Flask takes the requests that have to be refused, and does nothing else."""
    try:
        with start_peer(WEB_SERVER_ALONE, context.work(EVERYTHING)) as (url, process), ThreadPoolExecutor() as pool:
            refuse = context.load("raw", url, CLIENTS, rate=peak.rate, seconds=context.seconds * 3, pid=process.pid)
            refused = pool.submit(refuse)
            beside = context.gateway("raw", EVERYTHING, CLIENTS_AT_PEAK, seconds=context.seconds * 2)()
            cost = refused.result()
    except PeerUnavailable:
        return ""
    return (
        "\n\nThe bound: the clients of the peak beside a bare Flask with gunicorn, which answers as many more requests "
        f"with a constant, get {beside.rate / peak.rate:.2f} of the peak. Such an answer takes {cost.cpu:.1f} ms "
        f"of the server and {cost.client_cpu:.1f} ms of its client; no gateway of Flask refuses for less."
    )


def run_middle(run: Callable[[], Measured], context: Context) -> Measured:
    """The round with the middle rate."""
    rounds = sorted((run() for _ in range(max(1, context.rounds // 2))), key=lambda each: each.rate)
    return rounds[len(rounds) // 2]
