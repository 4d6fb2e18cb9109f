"""Direct gRPC and the gateway against the limit, and at other numbers of clients."""

from statistics import median

from bench.context import SATURATION, Context
from bench.load import Measured
from bench.peers.running import PeerUnavailable, start_peer
from bench.peers.table import WEB_SERVER_ALONE
from bench.report import COLUMNS, compare, make_table, summarise
from bench.service import start_service
from bench.variants import repository_options, write_idle_steps
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
    parts, web, idle = [], measure_web_server(context), measure_idle_triton(context)
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
        parts += [describe_gaps(measured), describe_bounds(measured, web, idle[workload])]
    return "\n\n".join(parts)


def measure_web_server(context: Context) -> float | None:
    """Processor time in ms of a photo that Flask and gunicorn receive and answer with a constant; None without them."""
    try:
        with start_peer(WEB_SERVER_ALONE, context.work(ATTRIBUTES)) as (url, process):
            run = context.load("raw", url, SATURATION, pid=process.pid)
            return median(run().cpu for _ in range(context.rounds))
    except PeerUnavailable:
        return None


def measure_idle_triton(context: Context) -> dict[str, list[float]]:
    """By workload, processor time in ms of a photo by gRPC whose steps compute nothing, the clients' included: one
    photo in a request, and eight."""
    folder = context.folder / "idle"
    write_idle_steps(folder)
    with start_service("--no-gateway", *repository_options(folder)) as service:
        here, costs = context.at(service), {}
        for workload in WORKLOADS:
            runs = {"1": here.grpc(workload, SATURATION), "8": here.grpc(workload, 4, photos_per_request=8)}
            measured = here.measure_in_turns(runs, context.rounds + 1)
            # The first round warms up.
            costs[workload] = [median(each.cpu + each.client_cpu for each in r[1:]) for r in measured.values()]
        return costs


def describe_bounds(measured: dict[str, list[Measured]], web: float | None, idle: list[float]) -> str:
    """The best that each way could reach if nothing cost more than its parts by themselves."""
    limit, work, triton = (median(each.cpu for each in measured[name]) for name in (LIMIT, ACCELERATED, TOGETHER))
    single, together = (limit / (work + cost) for cost in idle)
    text = (
        f"With steps that compute nothing, Triton and its clients take {idle[0]:.2f} ms of processor time per photo by "
        f"gRPC, {idle[1]:.2f} ms with eight photos in a request: so gRPC can reach {single:.2f} and {together:.2f} of "
        "the limit."
    )
    if web is None:
        return text
    http = median(each.client_cpu for each in measured["gateway, raw"])
    plain, gateway = (limit / cost for cost in (work + web + http, triton + web + http))
    return text + (
        f" Flask and gunicorn take {web:.2f} ms without any work, their clients {http:.2f} ms: so the networks behind "
        f"Flask without Triton can reach {plain:.2f}, and Flask before Triton, photos in requests of eight, "
        f"{gateway:.2f}."
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
            runs = {way: context.ask(way, workload, concurrency) for way in ("gRPC", "gateway")}
            for name, rounds in context.measure_in_turns(runs, 1).items():
                rows.append([f"{workload}, {name}", concurrency, *summarise(rounds)])
    return make_table(["", "clients", *COLUMNS], rows)
