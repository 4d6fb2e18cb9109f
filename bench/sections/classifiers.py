"""What one more model costs: 1, 2, 4 and 8 classifiers that look at the same pixels."""

import shutil
from pathlib import Path

from tritonclient.grpc import InferenceServerClient

from bench.context import SATURATION, Context
from bench.inprocess import network_milliseconds
from bench.report import COLUMNS, make_table, summarise
from bench.service import start_service
from bench.variants import repository_options
from bench.work import NETWORKS
from contract.tasks import ENSEMBLE, Task
from export.manifest import Manifest, load_manifest
from export.repository import Repository

COUNTS = (1, 2, 4, 8)


def measure_classifiers(context: Context) -> str:
    """Processor time by number of classifiers, and how often each photo was decoded."""
    folder = context.folder / "classifiers"
    names = write_repositories(folder, max(COUNTS))
    alone = network_milliseconds(next(folder.glob(f"{NETWORKS.name}/{names[0]}/*/model.onnx")))
    with start_service("--no-gateway", *repository_options(folder)) as service:
        here = context.at(service)
        runs = {str(count): here.ask_triton(names[:count], SATURATION) for count in COUNTS}
        before = count_decodes(service.grpc)
        measured = here.measure_in_turns(runs)
        decodes, requests = (after - old for after, old in zip(count_decodes(service.grpc), before, strict=True))
    summaries = {count: summarise(measured[str(count)]) for count in COUNTS}
    rows = [[count, *summary] for count, summary in summaries.items()]
    cpu = {count: float(str(summary[3])) for count, summary in summaries.items()}
    one_more = (cpu[COUNTS[-1]] - cpu[COUNTS[0]]) / (COUNTS[-1] - COUNTS[0])
    context.expect_at_most("8 classifiers, decodes per photo", 1.0, decodes / requests)
    return (
        make_table(["classifiers", *COLUMNS], rows)
        + f"\n\nOne more classifier costs {one_more:.2f} ms of processor time; the network alone, in process, takes "
        + f"{alone:.2f} ms. {requests} requests were decoded {decodes} times."
    )


def write_repositories(folder: Path, count: int) -> list[str]:
    """The first bundled classifier under `count` names, with configs by the exporter's own code. Gives the names."""
    manifest = load_manifest()
    model = next(model for model in manifest.models if model.task is Task.CLASSIFICATION)
    copies = [
        model.model_copy(update={"name": f"{model.name}_{number + 1}", "region": None}) for number in range(count)
    ]
    networks, ensembles = folder / NETWORKS.name, folder / "ensembles"
    shutil.copytree(NETWORKS.parent / "ensembles", ensembles)
    for copy in copies:
        shutil.copytree(NETWORKS / model.name, networks / copy.name)
    Repository(networks, ensembles).write_configs(Manifest(models=copies))
    return [copy.name for copy in copies]


def count_decodes(url: str) -> tuple[int, int]:
    """Photos that the preprocess step has decoded, and that the ensemble was asked for."""
    with InferenceServerClient(url) as client:
        counts = [client.get_inference_statistics(name).model_stats[0] for name in ("preprocess", ENSEMBLE)]
    return counts[0].inference_count, counts[1].inference_count
