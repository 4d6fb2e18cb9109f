"""Embedding: numbers that lie near each other for photos that are alike, for the whole photo or for each region."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from tritonclient.grpc import model_config_pb2 as pb

from export.certificate import Certificate
from export.entry import Model
from export.errors import CheckpointError
from export.frameworks.source import Source, choose_output
from export.nodes import Step
from export.nodes import finish as finish_graph
from export.tasks.shared import Difference, check_finite
from export.wiring import Output, Served, Wiring

LOADERS = {"keras": "keras", "torch": "torch", "onnx": "onnx"}
UNIT_LENGTH: list[Step] = [("LpNormalization", [], {"axis": -1, "p": 2})]
SAME = 0.99  # cosine of two embeddings that count as the same answer


def check_entry(model: Model) -> None:
    if model.labels is not None:
        raise ValueError("an embedding has no labels")


def prepare(model: Model, source: Source) -> Source:
    """Any network may give an embedding."""
    return choose_output(model, source)


def finish(graph: onnx.GraphProto, model: Model) -> None:
    finish_graph(graph, graph.output[0], UNIT_LENGTH if model.normalise else [], "EMBEDDING", [None])


def network_outputs(shape: list[int]) -> list[Output]:
    return [("EMBEDDING", pb.TYPE_FP32, shape)]


def wire(wiring: Wiring, model: Model, certificate: Certificate) -> None:
    wiring.add_looking(model, "EMBEDDING", certificate.shape)


def step_config(served: Served) -> None:
    return None


def describe(model: Model, certificate: Certificate) -> dict[str, Any]:
    return {"size": certificate.shape[0]}


def difference(expected: list[np.ndarray], actual: list[np.ndarray], source: Source, model: Model) -> Difference:
    """The largest of a number, as a share of the longest embedding, so that one tolerance fits all scales."""
    values = expected[0].astype(np.float32)
    if values.ndim != 2:
        raise CheckpointError(
            f"{model.checkpoint}: gives {values.shape[1:]} values per picture, an embedding is one row of numbers; "
            "correct output, or pool them in the network"
        )
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    if model.normalise:
        return Difference(float(np.abs(values / lengths - actual[0]).max()))
    return Difference(float(np.abs(values - actual[0]).max() / max(float(lengths.max()), 1e-9)))


def check_meaning(outputs: list[np.ndarray], source: Source, model: Model) -> None:
    """Finite, and not the same for every picture."""
    check_finite(outputs[0], model)
    if len(outputs[0]) > 1 and np.ptp(outputs[0], axis=0).max() == 0:
        raise CheckpointError(
            f"{model.checkpoint}: {model.name} gives the same numbers for every picture; correct output"
        )


def read_answers(outputs: list[np.ndarray], model: Model, end_to_end: bool) -> list[np.ndarray]:
    return list(outputs[0])


def agreement(expected: list[np.ndarray], found: list[np.ndarray]) -> float:
    """Share of the pictures whose embedding points the same way."""
    pairs = zip(expected, found, strict=True)
    cosines = [one @ other / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-9) for one, other in pairs]
    return float(np.mean(np.array(cosines) >= SAME))


def truth(model: Model, pictures: list[Path]) -> None:
    return None
