"""Direct gRPC and the gateway against the limit, and at other numbers of clients."""

from statistics import median

from bench.context import SATURATION, Context
from bench.load import Measured, Plan, run_load
from bench.peers.running import PeerUnavailable, start_peer
from bench.peers.table import WEB_SERVER_ALONE
from bench.report import COLUMNS, compare, make_table, summarise
from bench.work import ATTRIBUTES, EVERYTHING, WORKLOADS

LIMIT = "limit, in process"
ACCELERATED = "the same with the service's accelerators"
TOGETHER = "gRPC, 4 clients with 8 photos in a request"
AIMS = {
    (EVERYTHING, "gRPC"): 0.95,
    (EVERYTHING, TOGETHER): 0.95,
    (EVERYTHING, "gateway, raw"): 0.92,
    (ATTRIBUTES, "gRPC"): 0.90,
    (ATTRIBUTES, TOGETHER): 0.90,
    (ATTRIBUTES, "gateway, raw"): 0.80,
}


def measure_limit(context: Context) -> str:
    """Throughput and processor time against the limit, by which a request costs 1 / rate of both cores."""
    parts, web = [], measure_web_server(context)
    for workload in WORKLOADS:
        runs = {
            LIMIT: context.limit(workload),
            ACCELERATED: context.limit(workload, accelerated=True),
            "gRPC": context.grpc(workload, SATURATION),
            TOGETHER: context.grpc(workload, 4, photos_per_request=8),
            "gateway, raw": context.gateway("raw", workload, SATURATION),
            "gateway, multipart": context.gateway("multipart", workload, SATURATION),
        }
        measured = context.measure_in_turns(runs)
        base = measured[LIMIT]
        rows = []
        for name, rounds in measured.items():
            share = compare(rounds, base)
            rows.append([name, *summarise(rounds), share, compare(base, rounds, "cpu")])
            if (workload, name) in AIMS:
                context.expect_at_least(f"{name}, {workload}, of the limit", AIMS[workload, name], share)
        parts.append(make_table([workload, *COLUMNS, "of the limit's rate", "of the limit by CPU"], rows))
        parts += [describe_gaps(measured), describe_bounds(measured, web)]
    return "\n\n".join(parts)


def measure_web_server(context: Context) -> float | None:
    """Processor time in ms of a photo that Flask and gunicorn receive and answer with a constant; None without them."""
    try:
        with start_peer(WEB_SERVER_ALONE, context.work(ATTRIBUTES)) as (url, process):
            plan = Plan("raw", url, context.photos, SATURATION, context.seconds, pid=process.pid)
            return median(run_load(plan).cpu for _ in range(context.rounds))
    except PeerUnavailable:
        return None


def describe_bounds(measured: dict[str, list[Measured]], web: float | None) -> str:
    """The best that each way could reach if nothing cost more than its parts by themselves."""
    if web is None:
        return ""
    limit, work, triton = (median(each.cpu for each in measured[name]) for name in (LIMIT, ACCELERATED, TOGETHER))
    single, http = (median(each.client_cpu for each in measured[name]) for name in ("gRPC", "gateway, raw"))
    free, plain, gateway = (limit / cost for cost in (work + single, work + web + http, triton + web + http))
    return (
        f"Flask and gunicorn alone, without any work, take {web:.2f} ms of processor time per photo; the clients take "
        f"{single:.2f} ms by gRPC and {http:.2f} ms by HTTP, on the same cores. So a Triton that cost nothing would "
        f"reach {free:.2f} of the limit by gRPC with a photo in each request, the networks behind Flask without "
        f"Triton {plain:.2f}, and a gateway of Flask alone before Triton, photos in requests of eight, {gateway:.2f}."
    )


def describe_gaps(measured: dict[str, list[Measured]]) -> str:
    """What serving costs by itself: both sides compute the networks alike."""
    gaps = {name: compare(measured[name], measured[ACCELERATED]) for name in ("gRPC", TOGETHER, "gateway, raw")}
    return (
        "Of the limit with the service's accelerators: "
        + ", ".join(f"{name} {share:.2f}" for name, share in gaps.items())
        + "."
    )


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
