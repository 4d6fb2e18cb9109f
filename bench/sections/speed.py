"""Direct gRPC and the gateway against the limit, and at other numbers of clients."""

from bench.context import SATURATION, Context
from bench.report import COLUMNS, compare, make_table, summarise
from bench.work import ATTRIBUTES, EVERYTHING, WORKLOADS

LIMIT = "limit, in process"
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
    parts = []
    for workload in WORKLOADS:
        runs = {
            LIMIT: context.limit(workload),
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
