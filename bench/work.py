"""What the service does, read from the configs that it is served with, for `bench.pipeline`."""

import json
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from bench.service import ROOT

NETWORKS, ENSEMBLES = ROOT / "model_repository", ROOT / "ensembles"
ATTRIBUTES, EVERYTHING = "attributes", "everything"
WORKLOADS = (ATTRIBUTES, EVERYTHING)


def read_config(folder: Path) -> model_config_pb2.ModelConfig:
    """The config of a model, given its folder."""
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def read_cards(ensembles: Path = ENSEMBLES) -> dict[str, dict[str, Any]]:
    """The card of each model, by name, as `analyze` carries them."""
    parameters = read_config(ensembles / "analyze").parameters
    return {name: json.loads(value.string_value) for name, value in sorted(parameters.items())}


def list_networks(networks: Path = NETWORKS) -> list[str]:
    """The networks of the repository, by name."""
    return sorted(path.parent.name for path in networks.glob("*/config.pbtxt"))


def choose_features(workload: str, cards: dict[str, dict[str, Any]]) -> list[str]:
    """Names of the models that a workload asks for."""
    return [name for name, card in cards.items() if workload == EVERYTHING or card["task"] == "classification"]


def choose_outputs(features: list[str], cards: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """The ensemble's outputs for these models, and the size, which the gateway always asks for."""
    return ("IMAGE_SIZE", *(output for name in features for output in cards[name]["outputs"]))


def describe_work(
    features: list[str], networks: Path = NETWORKS, ensembles: Path = ENSEMBLES, accelerated: bool = False
) -> dict[str, Any]:
    """The description that `bench.pipeline.Pipeline` takes. `accelerated`: with the accelerators of the configs; it is
    ONNX Runtime alone otherwise."""
    cards = read_cards(ensembles)
    preprocess = read_config(ensembles / "preprocess").parameters
    detection = read_config(ensembles / "postprocess_detection").parameters
    decoding = {
        "head": detection["head"].string_value,
        "score_floor": float(detection["score_floor"].string_value),
        "iou": float(detection["iou"].string_value),
        "vocabulary": str(ensembles / "postprocess_caption" / "1" / "vocabulary.json"),
    }
    return {
        "max_pixels": int(preprocess["max_pixels"].string_value),
        "networks": [
            {
                "name": name,
                "task": card["task"],
                "geometry": card["geometry"],
                "path": find_network(networks, name, card),
                "accelerated": accelerated and has_accelerator(read_config(networks / name)),
            }
            | decoding
            for name, card in cards.items()
            if name in features
        ],
    }


def has_accelerator(config: model_config_pb2.ModelConfig) -> bool:
    """Whether OpenVINO computes the network on the CPU."""
    return bool(config.optimization.execution_accelerators.cpu_execution_accelerator)


def find_network(networks: Path, name: str, card: dict[str, Any]) -> str:
    """The ONNX file that is served."""
    return str(networks / name / card["version"] / "model.onnx")
