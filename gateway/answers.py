"""From Triton's tensors to the JSON that clients get."""

from dataclasses import dataclass

import numpy as np

from gateway.catalog import Model
from gateway.problems import Problem
from gateway.triton import Tensors

SIZE = "IMAGE_SIZE"
# What was found in a photo: pairs of model and label.
Found = list[tuple[str, str]]


@dataclass(frozen=True)
class Filter:
    """Which objects are told: of `labels` (None for all) and at least `min_score`, the best `max_objects`."""

    min_score: float
    max_objects: int
    labels: frozenset[str] | None = None


def describe_result(filename: str | None, result: Tensors | Problem, models: list[Model], filter: Filter) -> dict:
    """The answer for one photo, or why there is none."""
    if isinstance(result, Problem):
        return {"filename": filename, "problem": result.to_dict()}
    return describe_image(filename, result, models, filter)


def list_found(image: dict, models: list[Model]) -> Found:
    """What an answer says was found."""
    detector = next((model.name for model in models if model.task == "detection"), "")
    attributes = [(name, attribute["label"]) for name, attribute in image.get("attributes", {}).items()]
    return attributes + [(detector, found["label"]) for found in image.get("objects", [])]


def list_likeliest(tensors: Tensors, classifiers: list[Model]) -> Found:
    """The likeliest label of each classifier."""
    return [(model.name, model.labels[int(tensors[model.name].argmax())]) for model in classifiers]


def describe_image(filename: str | None, tensors: Tensors, models: list[Model], filter: Filter) -> dict:
    """The answer for one photo."""
    width, height = tensors[SIZE].tolist()
    image: dict = {"filename": filename, "width": width, "height": height}
    for model in models:
        if model.task == "classification":
            image.setdefault("attributes", {})[model.name] = describe_attribute(model, tensors[model.name])
        elif model.task == "caption":
            image["caption"] = describe_caption(tensors)
        elif model.task == "detection":
            image["objects"] = describe_objects(model, tensors, filter)
    return image


def describe_attribute(model: Model, probabilities: np.ndarray) -> dict:
    """`probabilities` FP32 [labels]."""
    by_label = dict(zip(model.labels, map(to_number, probabilities.tolist()), strict=True))
    label = model.labels[int(probabilities.argmax())]
    return {"label": label, "probability": by_label[label], "probabilities": by_label}


def positive_probability(model: Model, probabilities: np.ndarray) -> float:
    """The one number that stands for a classifier."""
    return to_number(probabilities[model.labels.index(model.positive or model.labels[-1])])


def describe_caption(tensors: Tensors) -> dict:
    """CAPTION BYTES [1] and CAPTION_SCORE FP32 [1], a log-probability."""
    return {"text": tensors["CAPTION"][0].decode(), "score": to_number(tensors["CAPTION_SCORE"][0])}


def describe_objects(model: Model, tensors: Tensors, filter: Filter) -> list[dict]:
    """Boxes in pixels of the upright photo; DETECTION_* come sorted, best first."""
    scores, numbers = tensors["DETECTION_SCORES"], tensors["DETECTION_LABELS"]
    kept = (numbers >= 0) & (scores >= filter.min_score)
    if filter.labels is not None:
        kept &= np.isin(numbers, [model.labels.index(label) for label in filter.labels if label in model.labels])
    return [
        {
            "label": model.labels[numbers[row]],
            "score": to_number(scores[row]),
            "box": describe_box(tensors["DETECTION_BOXES"][row]),
        }
        for row in np.flatnonzero(kept)[: filter.max_objects]
    ]


def describe_box(xyxy: np.ndarray) -> dict:
    left, top, right, bottom = (float(value) for value in xyxy)
    sides = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return {name: round(value, 1) for name, value in sides.items()}


def to_number(value: float | np.floating) -> float:
    """Six decimals: more would only be noise of float32."""
    return round(float(value), 6)
