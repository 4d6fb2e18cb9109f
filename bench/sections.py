"""The sections of the bench, each a function from the context to Markdown."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.context import Context
from bench.load import Measured, Plan, run_load
from bench.peers.running import PeerUnavailable, start_peer
from bench.peers.table import PEERS, Peer
from bench.photos import write_photo
from bench.report import COLUMNS, compare, make_table, summarise
from bench.service import start_service
from bench.work import ATTRIBUTES, EVERYTHING, WORKLOADS

SATURATION = 16
# The gateway's route for a peer's rival, per way that the peer is asked.
RIVALS = {"raw": "raw", "multipart": "multipart", "grpc": "grpc"}


def measure_limit(context: Context) -> str:
    """Direct gRPC and the gateway against the limit."""
    parts = []
    for workload in WORKLOADS:
        runs = {
            "limit, in process": context.limit(workload),
            "gRPC": context.grpc(workload, SATURATION),
            "gateway, raw": context.gateway("raw", workload, SATURATION),
            "gateway, multipart": context.gateway("multipart", workload, SATURATION),
        }
        measured = context.measure_in_turns(runs)
        base = measured["limit, in process"]
        rows = [
            [name, *summarise(rounds), compare(rounds, base), compare(base, rounds, "cpu")]
            for name, rounds in measured.items()
        ]
        head = [workload, *COLUMNS, "of the limit's rate", "of the limit by CPU"]
        parts.append(make_table(head, rows))
    return "\n\n".join(parts)


def measure_concurrency(context: Context) -> str:
    """Each way at 1, 4, 16 and 64 clients."""
    rows = []
    for workload in WORKLOADS:
        for concurrency in (1, 4, 16, 64):
            runs = {
                "gRPC": context.grpc(workload, concurrency),
                "gateway": context.gateway("raw", workload, concurrency),
            }
            for name, rounds in context.measure_in_turns(runs, 1).items():
                rows.append([f"{workload}, {name}", concurrency, *summarise(rounds)])
    return make_table(["", "clients", *COLUMNS], rows)


def measure_peers(context: Context) -> str:
    """Each peer against the service, in turns."""
    rows = []
    for peer in PEERS:
        for workload in (ATTRIBUTES,) if peer.attributes_only else WORKLOADS:
            try:
                with start_peer(peer, context.work(workload)) as (url, process):
                    rows += [compare_with(peer, url, process.pid, workload, each, context) for each in (16, 64)]
            except PeerUnavailable as error:
                rows.append([peer.title, workload, *["–"] * 5, f"not run: {str(error)[:120]}".replace("|", "/")])
    head = [
        "",
        "workload",
        "clients",
        "peer requests/s",
        "peer p99 ms",
        "peer CPU ms",
        "our rate to its",
        "our p99 to its",
    ]
    return make_table(head, rows)


def compare_with(peer: Peer, url: str, pid: int, workload: str, clients: int, context: Context) -> list[object]:
    """One row of the peers' table."""
    plan = Plan(peer.way, url, context.photos, clients, context.seconds, pid=pid)
    ours = context.grpc(workload, clients) if peer.way == "grpc" else context.gateway(peer.way, workload, clients)
    try:
        measured = context.measure_in_turns({"peer": lambda: run_load(plan), "ours": ours}, 2)
    except Exception as error:  # a peer that breaks under load is a result
        raise PeerUnavailable(f"{clients} clients: {type(error).__name__}") from error
    theirs, own = measured["peer"], measured["ours"]
    rate, _, p99, cpu, _ = summarise(theirs)
    return [peer.title, workload, clients, rate, p99, cpu, compare(own, theirs), compare(own, theirs, "p99")]


def measure_workloads(context: Context) -> str:
    """A phone's photo, many photos in a request, and the same photo again and again."""
    with TemporaryDirectory() as name:
        large = str(write_photo(Path(name) / "large.jpg", 4000, 3000))
        runs = {
            "1280×720, attributes": context.gateway("raw", ATTRIBUTES, 4),
            "4000×3000, attributes": context.gateway("raw", ATTRIBUTES, 4, photos=(large,)),
            "16 photos in a request, attributes": context.gateway("multipart", ATTRIBUTES, 4, photos_per_request=16),
            "16 photos in a request, everything": context.gateway("multipart", EVERYTHING, 4, photos_per_request=16),
            "the same photo again, everything": context.gateway("raw", EVERYTHING, SATURATION, distinct=False),
            "new photos, everything": context.gateway("raw", EVERYTHING, SATURATION),
        }
        measured = context.measure_in_turns(runs)
    rows = [[name, *summarise(rounds)] for name, rounds in measured.items()]
    cost = 1 / compare(measured["4000×3000, attributes"], measured["1280×720, attributes"])
    gain = compare(measured["the same photo again, everything"], measured["new photos, everything"])
    return (
        make_table(["gateway", *COLUMNS], rows)
        + f"\n\nA 12-megapixel photo costs {cost:.2f} times one of 0.9 megapixels. "
        + f"A photo that was seen before is answered {gain:.1f} times as fast as a new one."
    )


def measure_overload(context: Context) -> str:
    """Twice the load that the service can take, by an open loop."""
    peak = run_median(context.gateway("raw", EVERYTHING, 64), context)
    over = run_median(
        context.gateway("raw", EVERYTHING, 1000, rate=2 * peak.rate, seconds=context.seconds * 3), context
    )
    total = over.rate * context.seconds * 3 + over.refused
    rows = [
        ["64 clients, closed loop", peak.rate, peak.p99, "–", "–", peak.failed],
        ["twice that rate, open loop", over.rate, over.p99, over.refused / total, over.refusal, over.failed],
    ]
    head = ["everything", "good answers/s", "p99 ms of good answers", "share refused", "median ms to refuse", "failed"]
    why = f" First failure: `{over.why[:150]}`." if over.why else ""
    return make_table(head, rows) + f"\n\nGoodput under overload is {over.rate / peak.rate:.2f} of the peak.{why}"


def run_median(run: Callable[[], Measured], context: Context) -> Measured:
    """The round with the middle rate."""
    rounds = sorted((run() for _ in range(max(1, context.rounds // 2))), key=lambda each: each.rate)
    return rounds[len(rounds) // 2]


def measure_memory(context: Context, requests: int = 20_000, stretches: int = 4) -> str:
    """Memory of the whole stack as requests go by, in stretches; a fifth of the requests at most, if time is short."""
    rows, done, began = [["at the start", 0, context.service.memory_bytes() / 2**20]], 0.0, time.monotonic()
    once = replace(context, seconds=max(2.0, context.seconds * 4))
    while len(rows) <= stretches and done < requests:
        measured = once.gateway("raw", ATTRIBUTES, SATURATION)()
        done += measured.rate * once.seconds
        rows.append([f"after {time.monotonic() - began:.0f} s", round(done), context.service.memory_bytes() / 2**20])
    return make_table(["Triton, gateway, supervisor", "requests so far", "MiB"], rows)


def measure_start(context: Context) -> str:
    """From the command to ready, packages installed and files in the page cache."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        with start_service():
            times.append(time.monotonic() - began)
    return f"From the command to ready: {median(times):.1f} s (median of {len(times)})."


SECTIONS: dict[str, Callable[[Context], str]] = {
    "limit": measure_limit,
    "concurrency": measure_concurrency,
    "workloads": measure_workloads,
    "overload": measure_overload,
    "memory": measure_memory,
    "start": measure_start,
    "peers": measure_peers,
}
