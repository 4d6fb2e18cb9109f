"""What the service does, read from the configs that it is served with, for `bench.pipeline`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from bench.service import ROOT
from contract.card import Card, Catalog
from contract.tasks import ENSEMBLE, Task

NETWORKS, ENSEMBLES = ROOT / "model_repository", ROOT / "ensembles"
ATTRIBUTES, EVERYTHING = "attributes", "everything"
WORKLOADS = (ATTRIBUTES, EVERYTHING)
EVERY_MODEL = "every model"  # all outputs, as perf_analyzer takes them: also of models that are no default
# Steps and the parameter of their config that says how they treat each model.
TOLD = {"postprocess_detection": "heads", "regions": "models"}


def read_config(folder: Path) -> model_config_pb2.ModelConfig:
    """The config of a model, given its folder."""
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def read_catalog(ensembles: Path = ENSEMBLES) -> Catalog:
    """The models that `analyze` serves."""
    return Catalog.from_config(read_config(ensembles / ENSEMBLE))


def list_networks() -> list[str]:
    """The networks of the repository, by name."""
    return sorted(path.parent.name for path in NETWORKS.glob("*/config.pbtxt"))


def choose_cards(workload: str, catalog: Catalog) -> list[Card]:
    """The models that a workload asks for: the classifiers, or all; only the last one those that are no default."""
    if workload == EVERY_MODEL:
        return list(catalog.cards.values())
    return [card for card in catalog.select() if workload == EVERYTHING or card.task is Task.CLASSIFICATION]


def describe_work(
    cards: Sequence[Card],
    networks: Path = NETWORKS,
    ensembles: Path = ENSEMBLES,
    accelerated: bool = False,
    documented: bool = False,
) -> dict[str, Any]:
    """The description that `bench.pipeline.Pipeline` takes. `accelerated`: with the accelerators of the configs; it is
    ONNX Runtime alone otherwise. `documented`: as the documents of Pillow and ONNX Runtime have it."""
    # Whoever looks at regions needs the boxes of a detector.
    needed = {card.region.of for card in cards if card.region} | {card.name for card in cards}
    heads, regions = (read_parameter(ensembles / step, name) for step, name in TOLD.items())
    return {
        "documented": documented,
        **{name: read_parameter(ensembles / "preprocess", name) for name in ("max_pixels", "upright_side")},
        "vocabularies": str(ensembles / "postprocess_caption" / "1" / "vocabularies.json"),
        "networks": [
            {
                "name": card.name,
                "task": card.task,
                "geometry": card.geometry,
                "path": str(networks / card.name / card.version / "model.onnx"),
                "accelerated": accelerated and has_accelerator(read_config(networks / card.name)),
                "min_score": card.min_score,
                "head": heads.get(card.name),
                "of": card.region and card.region.of,
                "region": regions.get(card.name),
            }
            for card in read_catalog(ensembles).select(needed)
        ],
    }


def read_parameter(step: Path, name: str) -> dict[str, Any]:
    """What a step is told about each of its models; nothing where no model needs the step."""
    if not (step / "config.pbtxt").exists():
        return {}
    return json.loads(read_config(step).parameters[name].string_value)


def has_accelerator(config: model_config_pb2.ModelConfig) -> bool:
    """Whether OpenVINO computes the network on the CPU."""
    return bool(config.optimization.execution_accelerators.cpu_execution_accelerator)
