"""Each step alone, and where the processor time of a request goes."""

from pathlib import Path

import psutil
from tritonclient.grpc import InferenceServerClient

from bench.context import SATURATION, Context, Run
from bench.input_data import write_input_data
from bench.perf_analyzer import run_perf_analyzer
from bench.report import make_table
from bench.service import list_family
from bench.work import WORKLOADS, list_networks
from contract.tasks import ENSEMBLE


def measure_steps(context: Context) -> str:
    """perf_analyzer's figures for `analyze` and each step, and the processes' shares of a request."""
    parts = [measure_alone(context)]
    for workload in WORKLOADS:
        shares = {way: measure_shares(context.ask(way, workload, SATURATION), context) for way in ("gRPC", "gateway")}
        shares["in process"] = context.limit(workload)().parts
        names = list(dict.fromkeys(name for share in shares.values() for name in share))
        rows = [[name, *(share.get(name, 0.0) for share in shares.values())] for name in names]
        rows.append(["sum", *(sum(share.values()) for share in shares.values())])
        head = [f"{workload}: process", *(f"CPU ms per photo, {way}" for way in shares)]
        parts.append(make_table(head, rows))
    parts.append(
        "In process, boxes are made in their detector's row, and regions are cut in the rows of who looks at them."
    )
    return "\n\n".join(parts)


def measure_alone(context: Context) -> str:
    """perf_analyzer with real photos against `analyze` and against each step that takes photos or pixels."""
    rows = []
    with InferenceServerClient(context.service.grpc) as client:
        for model in (ENSEMBLE, "preprocess", *list_networks()):
            (tensor,) = client.get_model_config(model).config.input
            data = write_input_data(tensor, map(Path, context.photos), context.folder / f"{model}.json")
            measured = run_perf_analyzer(model, context.service, data, SATURATION)
            rows.append([model, measured.rate, measured.median, measured.p99, measured.cpu])
    return make_table(["perf_analyzer, 16 clients", "photos/s", "median ms", "p99 ms", "CPU ms per photo"], rows)


def measure_shares(run: Run, context: Context) -> dict[str, float]:
    """Processor milliseconds per request of each of the service's programs, under a load."""
    before = read_processes(context.service.process)
    # The load's own warm-up is in both: what it answered is the sum's CPU over its CPU per answer.
    measured = run()
    used = {name: seconds - before.get(name, 0.0) for name, seconds in read_processes(context.service.process).items()}
    whole = sum(used.values())
    return {name: share / whole * measured.cpu for name, share in sorted(used.items()) if share / whole > 0.002}


def read_processes(process: psutil.Process) -> dict[str, float]:
    """Processor seconds by program; a model's instances, and the gateway's workers, are added up."""
    seconds: dict[str, float] = {}
    for each in list_family(process):
        times, name = each.cpu_times(), name_process(each.cmdline())
        seconds[name] = seconds.get(name, 0.0) + times.user + times.system
    return seconds


def name_process(command: list[str]) -> str:
    """What a command line of the service stands for."""
    if command and Path(command[0]).name == "triton_python_backend_stub":
        return Path(command[1]).parent.parent.name
    if command and Path(command[0]).name == "tritonserver":
        return "tritonserver"
    return "gateway" if "gunicorn" in command else "supervisor"
