"""Caption: one sentence per photo, decoded inside the network and spelled out by a step behind it."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from tritonclient.grpc import model_config_pb2 as pb

from contract.tasks import Task, output_names
from export.certificate import Certificate
from export.entry import Model, Weights
from export.frameworks.source import Source
from export.tasks.shared import Difference, check_finite, share_of_equal
from export.wiring import MODEL, Output, Served, Wiring, add_tensor, make_step

LOADERS = {"torch": "caption"}
STEP = "postprocess_caption"


def check_entry(model: Model) -> None:
    if model.decoding.vocabulary is None:
        raise ValueError("decoding.vocabulary is needed for task caption")


def prepare(model: Model, source: Source) -> Source:
    """The loader has compared network and vocabulary."""
    return source


def finish(graph: onnx.GraphProto, model: Model) -> None:
    """The decoding loop ends in TOKENS and SCORE already."""


def network_outputs(shape: list[int]) -> list[Output]:
    return [("TOKENS", pb.TYPE_INT32, shape), ("SCORE", pb.TYPE_FP32, [1])]


def wire(wiring: Wiring, model: Model, certificate: Certificate) -> None:
    inner = {"TOKENS": f"{model.name}_TOKENS", "SCORE": f"{model.name}_SCORE"}
    wiring.add_network(model, inner)
    sentence, score = output_names(Task.CAPTION, model.name)
    wiring.add_step(STEP, {**inner, **wiring.name_model(model)}, {"SENTENCE": sentence, "SENTENCE_SCORE": score})
    wiring.add_output(sentence, pb.TYPE_STRING, [1])
    wiring.add_output(score, pb.TYPE_FP32, [1])


def step_config(served: Served) -> pb.ModelConfig:
    config = make_step(STEP)
    add_tensor(config.input, *MODEL)
    add_tensor(config.input, "TOKENS", pb.TYPE_INT32, [-1])
    add_tensor(config.input, "SCORE", pb.TYPE_FP32, [1])
    add_tensor(config.output, "SENTENCE", pb.TYPE_STRING, [1])
    add_tensor(config.output, "SENTENCE_SCORE", pb.TYPE_FP32, [1])
    return config


def describe(model: Model, certificate: Certificate) -> dict[str, Any]:
    return {}


def difference(expected: list[np.ndarray], actual: list[np.ndarray], source: Source, model: Model) -> Difference:
    """Tokens must be the same; scores may differ. With rounded weights, another sentence will do if it is as likely."""
    if model.weights is not Weights.INT8 and not np.array_equal(expected[0], actual[0]):
        return Difference(float("inf"))
    return Difference(float(np.abs(expected[1] - actual[1]).max()))


def check_meaning(outputs: list[np.ndarray], source: Source, model: Model) -> None:
    check_finite(outputs[1], model)


def read_answers(outputs: list[np.ndarray], model: Model, end_to_end: bool) -> list[tuple[int, ...]]:
    """The token ids; captions count whole."""
    return [tuple(tokens) for tokens in outputs[0].tolist()]


agreement = share_of_equal


def truth(model: Model, pictures: list[Path]) -> None:
    return None
