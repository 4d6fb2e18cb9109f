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


def read_config(folder: Path) -> model_config_pb2.ModelConfig:
    """The config of a model, given its folder."""
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def read_catalog() -> Catalog:
    """The models that `analyze` serves."""
    return Catalog.from_config(read_config(ENSEMBLES / ENSEMBLE))


def list_networks() -> list[str]:
    """The networks of the repository, by name."""
    return sorted(path.parent.name for path in NETWORKS.glob("*/config.pbtxt"))


def choose_cards(workload: str, catalog: Catalog) -> list[Card]:
    """The models that a workload asks for: the classifiers, or all; without those that must be asked for by name."""
    return [card for card in catalog.select() if workload == EVERYTHING or card.task is Task.CLASSIFICATION]


def describe_work(cards: Sequence[Card], catalog: Catalog, accelerated: bool = False) -> dict[str, Any]:
    """The description that `bench.pipeline.Pipeline` takes. `accelerated`: with the accelerators of the configs; it is
    ONNX Runtime alone otherwise."""
    max_pixels = read_config(ENSEMBLES / "preprocess").parameters["max_pixels"].string_value
    # Whoever looks at regions needs the boxes of a detector.
    needed = {card.region.of for card in cards if card.region} | {card.name for card in cards}
    networks = [describe_network(card, accelerated) for card in catalog.select(needed)]
    return {"max_pixels": int(max_pixels), "networks": networks}


def describe_network(card: Card, accelerated: bool) -> dict[str, Any]:
    """The file that is served, and what is made of its outputs."""
    return {
        "name": card.name,
        "task": card.task,
        "geometry": card.geometry,
        "path": str(NETWORKS / card.name / card.version / "model.onnx"),
        "accelerated": accelerated and has_accelerator(read_config(NETWORKS / card.name)),
        "min_score": card.min_score,
        "head": read_parameter("postprocess_detection", "heads").get(card.name),
        "vocabulary": str(ENSEMBLES / "postprocess_caption" / "1" / "vocabularies.json"),
        "of": card.region and card.region.of,
        "region": read_parameter("regions", "models").get(card.name),
    }


def read_parameter(step: str, name: str) -> dict[str, Any]:
    """What a step is told about each of its models; nothing where no model needs the step."""
    if not (ENSEMBLES / step / "config.pbtxt").exists():
        return {}
    return json.loads(read_config(ENSEMBLES / step).parameters[name].string_value)


def has_accelerator(config: model_config_pb2.ModelConfig) -> bool:
    """Whether OpenVINO computes the network on the CPU."""
    return bool(config.optimization.execution_accelerators.cpu_execution_accelerator)
