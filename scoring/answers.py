"""From Triton's tensors, or its refusal, to the columns of a row."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

import grpc
import numpy as np

from scoring.schema import ErrorKind, Model, Task
from scoring.triton import SIZE, Tensors

Row = dict[str, Any]
PREPROCESS = "preprocess: "
# As many objects, and as sure, as the gateway tells of.
MAX_OBJECTS = 100


class Retry(Enum):
    """What is done about a failed request."""

    NEVER = 0
    A_FEW_TIMES = 1
    WHILE_PATIENT = 2


# A stub process that dies takes every request it had with it, also of good photos.
RETRIES = {
    grpc.StatusCode.INTERNAL: Retry.A_FEW_TIMES,
    grpc.StatusCode.UNKNOWN: Retry.A_FEW_TIMES,
    grpc.StatusCode.UNAVAILABLE: Retry.WHILE_PATIENT,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Retry.WHILE_PATIENT,
    grpc.StatusCode.DEADLINE_EXCEEDED: Retry.WHILE_PATIENT,
    # Models that are being reloaded.
    grpc.StatusCode.NOT_FOUND: Retry.WHILE_PATIENT,
}


def list_outputs(models: Iterable[Model]) -> tuple[str, ...]:
    """The ensemble's outputs that the models' columns need."""
    return (SIZE, *(output for model in models for output in model.outputs))


def describe_answer(tensors: Tensors, models: Iterable[Model], min_score: float) -> Row:
    """Size and every model's columns."""
    width, height = tensors[SIZE].tolist()
    row: Row = {"width": width, "height": height}
    for model in models:
        if model.task is Task.CLASSIFICATION:
            row[model.name] = tensors[model.name][model.labels.index(model.positive or model.labels[-1])]
        elif model.task is Task.CAPTION:
            row["caption"] = tensors["CAPTION"][0].decode(errors="replace")
            row["caption_score"] = tensors["CAPTION_SCORE"][0]
        else:
            row["objects"] = list_objects(tensors, model.labels, min_score)
    return row


def list_objects(tensors: Tensors, labels: list[str], min_score: float) -> list[dict]:
    """DETECTION_* come sorted, best first; label -1 fills up."""
    scores, numbers = tensors["DETECTION_SCORES"], tensors["DETECTION_LABELS"]
    kept = np.flatnonzero((numbers >= 0) & (scores >= min_score))[:MAX_OBJECTS]
    boxes = tensors["DETECTION_BOXES"][kept].tolist()
    return [
        {"label": labels[number], "score": score, "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
        for number, score, (x1, y1, x2, y2) in zip(numbers[kept], scores[kept].tolist(), boxes, strict=True)
    ]


def describe_failure(error: grpc.RpcError) -> Row:
    """The column `error`."""
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.INVALID_ARGUMENT and PREPROCESS in details:
        return {"error": f"{ErrorKind.PICTURE}: {details.partition(PREPROCESS)[2]}"}
    return {"error": f"{ErrorKind.SERVICE}: {code.name}: {details}"}


def is_broken_picture(error: str | None) -> bool:
    """Whether asking again would give the same error."""
    return error is not None and error.startswith(f"{ErrorKind.PICTURE}:")
