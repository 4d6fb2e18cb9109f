"""Classification: one probability per label, for the whole photo or for each region."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from tritonclient.grpc import model_config_pb2 as pb

from export.certificate import Certificate
from export.entry import Activation, Model
from export.errors import CheckpointError
from export.frameworks.source import Source, choose_output
from export.nodes import Step, count_units, last_operators
from export.nodes import finish as finish_graph
from export.tasks.shared import Difference, check_finite, share_of_equal
from export.wiring import Output, Served, Wiring

LOADERS = {"keras": "keras", "torch": "torch", "onnx": "onnx"}
ACTIVATIONS: dict[Activation, list[Step]] = {
    Activation.NONE: [],
    Activation.SIGMOID: [("Sigmoid", [], {})],
    Activation.SOFTMAX: [("Softmax", [], {"axis": -1})],
}
# One sigmoid unit p becomes the probabilities of two labels: p * [-1, 1] + [1, 0].
PAIR: list[Step] = [
    ("Mul", [("pair_scale", np.array([-1, 1], dtype=np.float32))], {}),
    ("Add", [("pair_bias", np.array([1, 0], dtype=np.float32))], {}),
]
ACTIVATED = {"Softmax", "Sigmoid", "HardSigmoid"}
QUOTIENTS = {"Div", "Reciprocal"}  # which are a sigmoid written out where an Exp is behind them
LINEAR = {"Gemm", "MatMul", "Conv", "LogSoftmax"}
SUM_TOLERANCE = 0.01  # of the probabilities of a picture; half precision is coarse


def check_entry(model: Model) -> None:
    if len(model.labels or []) < 2:
        raise ValueError("labels, two or more, are needed for task classification")


def prepare(model: Model, source: Source) -> Source:
    """The served output; its last layer and the entry's `activation` make probabilities together, once.

    Raises:
        CheckpointError: says what the last layer is, and what to write.
    """
    source = choose_output(model, source)
    graph = source.network.graph
    (served,) = graph.output
    last, is_one = last_operators(graph, served.name), count_units(served) == 1
    file = f"{model.checkpoint}: {model.name} ends in {last[0] or 'nothing'}"
    if last[0] == "Softmax" and is_one:
        raise CheckpointError(f"{file} over one unit, which is 1 for every picture; train it with a sigmoid")
    if model.activation is Activation.SOFTMAX and is_one:
        raise CheckpointError(
            f'{file} with one unit, over which a softmax is 1 for every picture; write activation = "sigmoid"'
        )
    if last[0] in ACTIVATED and (model.activation is not Activation.NONE or last[1] in ACTIVATED):
        raise CheckpointError(f"{file}, and would be activated twice; leave activation out, or train it with one")
    if last[0] in LINEAR and model.activation is Activation.NONE:
        wanted = "sigmoid" if is_one else "softmax"
        raise CheckpointError(
            f'{file}, whose values are no probabilities; write activation = "{wanted}" if they are logits. A '
            "regression cannot be served as classification"
        )
    if is_one and model.activation is Activation.NONE and not _is_probability(graph, served.name):
        raise CheckpointError(
            f'{file}, whose one value need be no probability; if it is a logit, write activation = "sigmoid". A '
            "regression cannot be served as classification"
        )
    return source


def _is_probability(graph: onnx.GraphProto, output: str) -> bool:
    """Whether one unit is made by a sigmoid, also as 1 / (1 + exp(-x)), or is one of two behind a softmax."""
    last = last_operators(graph, output, 4)
    return bool(ACTIVATED.intersection(last[:2])) or (last[0] in QUOTIENTS and "Exp" in last)


def finish(graph: onnx.GraphProto, model: Model) -> None:
    (served,) = graph.output
    steps = [*ACTIVATIONS[model.activation], *(PAIR if count_units(served) == 1 else [])]
    finish_graph(graph, served, steps, "PROBABILITIES", [len(model.labels or [])])


def network_outputs(shape: list[int]) -> list[Output]:
    return [("PROBABILITIES", pb.TYPE_FP32, shape)]


def wire(wiring: Wiring, model: Model, certificate: Certificate) -> None:
    wiring.add_looking(model, "PROBABILITIES", certificate.shape)


def step_config(served: Served) -> None:
    return None


def describe(model: Model, certificate: Certificate) -> dict[str, Any]:
    return {"labels": certificate.labels, "positive": model.positive or certificate.labels[-1]}


def difference(expected: list[np.ndarray], actual: list[np.ndarray], source: Source, model: Model) -> Difference:
    _check_labels(expected, model)
    return Difference(float(np.abs(_activate(expected[0], model.activation) - actual[0]).max()))


def _check_labels(outputs: list[np.ndarray], model: Model) -> None:
    """One unit per label, or one for two labels."""
    assert model.labels is not None
    units = outputs[0].shape[-1]
    if outputs[0].ndim != 2 or (units != len(model.labels) and (units, len(model.labels)) != (1, 2)):
        raise CheckpointError(
            f"{model.checkpoint}: gives {outputs[0].shape[1:]} values per picture, labels of {model.name} "
            f"name {len(model.labels)}; correct labels or output"
        )


def _activate(values: np.ndarray, activation: Activation) -> np.ndarray:
    """What the manifest says about the last layer, in numpy; one unit becomes two probabilities."""
    values = values.astype(np.float32)
    if activation is Activation.SOFTMAX:
        values = np.exp(values - values.max(-1, keepdims=True))
        values = values / values.sum(-1, keepdims=True)
    elif activation is Activation.SIGMOID:
        values = 1 / (1 + np.exp(-values))
    return np.concatenate([1 - values, values], axis=-1) if values.shape[-1] == 1 else values


def check_meaning(outputs: list[np.ndarray], source: Source, model: Model) -> None:
    """Probabilities are within 0 and 1 and add up to 1; the message says what was seen and what to write."""
    rows = outputs[0]
    check_finite(rows, model)
    low, high, sums = float(rows.min()), float(rows.max()), rows.sum(-1)
    seen = f"{model.checkpoint}: {model.name} gives values from {low:.3g} to {high:.3g}"
    if low < -1e-3 or high > 1 + 1e-3:
        wanted = "sigmoid" if count_units(source.network.graph.output[0]) == 1 else "softmax"
        raise CheckpointError(
            f'{seen}, which are no probabilities; if they are logits, write activation = "{wanted}"; a regression '
            "cannot be served as classification"
        )
    if np.abs(sums - 1).max() > SUM_TOLERANCE:
        raise CheckpointError(
            f"{seen}, whose sums go from {sums.min():.3g} to {sums.max():.3g} and not to 1; labels that do not exclude "
            "each other are models of their own, with two labels each"
        )


def read_answers(outputs: list[np.ndarray], model: Model, end_to_end: bool) -> list[int]:
    """The likeliest label's index."""
    return outputs[0].argmax(-1).tolist()


agreement = share_of_equal


def truth(model: Model, pictures: list[Path]) -> list[int] | None:
    """The label's index where all pictures lie in folders named after labels."""
    names, labels = [path.parent.name for path in pictures], model.labels or []
    return [labels.index(name) for name in names] if set(names) <= set(labels) else None
