"""Models that look at a detector's boxes in place of the whole photo, and the step that has them do it."""

import json
from collections.abc import Iterable, Sequence

from tritonclient.grpc import model_config_pb2 as pb

from contract.tasks import NO_REGION, Task
from export.entry import Model
from export.wiring import MODEL, REGION_BOXES, REGIONS, UPRIGHT, UPRIGHT_SCALE, Served, add_tensor, make_step

LOOKING = {Task.CLASSIFICATION: "PROBABILITIES", Task.EMBEDDING: "EMBEDDING"}  # and the output of their networks
INSTANCES = 2  # one cuts regions while the other waits for its network
SHARPEST = 10  # boxes of a tenth of the photo's longer side and more have all the pixels that a network takes


def check_entry(model: Model, models: Sequence[Model]) -> None:
    """Raises ValueError for a region that cannot be."""
    if model.region is None:
        return
    if model.task not in LOOKING:
        raise ValueError(f"region belongs to tasks {' and '.join(LOOKING)} only")
    detectors = {each.name: each for each in models if each.task is Task.DETECTION}
    if model.region.of not in detectors:
        raise ValueError(f"region.of takes a detector; there are {', '.join(detectors) or 'none'}")
    labels = detectors[model.region.of].labels
    if model.region.label is not None and labels is not None and model.region.label not in labels:
        raise ValueError(f"region.label must be one of {', '.join(labels)}")


def step_config(served: Served) -> pb.ModelConfig | None:
    """The step's config, if some model looks at regions: where each looks, in which geometry, how many at a time."""
    models = _describe(served)
    if not models:
        return None
    config = make_step(REGIONS, INSTANCES)
    for tensor in (MODEL, UPRIGHT, UPRIGHT_SCALE, REGION_BOXES):
        add_tensor(config.input, *tensor)
    add_tensor(config.output, "ROWS", pb.TYPE_FP32, [-1, -1])
    config.parameters["models"].string_value = json.dumps(models)
    config.parameters["not_looked"].string_value = str(NO_REGION)
    return config


def measure_upright(models: Iterable[Model]) -> int:
    """The least longer side, in pixels, of the photo that regions are cut from; 0 where nobody looks at regions."""
    looking = [model.geometry for model in models if model.region is not None]
    return max((SHARPEST * max(geometry.width, geometry.height) for geometry in looking), default=0)


def _describe(served: Served) -> dict[str, dict]:
    labels = {model.name: certificate.labels for model, certificate, _ in served}
    return {
        model.name: {
            **model.region.model_dump(exclude={"of", "label"}),
            "label": None if model.region.label is None else labels[model.region.of].index(model.region.label),
            "geometry": model.geometry.model_dump(mode="json", exclude_defaults=True),
            "output": LOOKING[model.task],
            "size": certificate.shape[-1],
            "max_batch_size": certificate.max_batch_size,
        }
        for model, certificate, _ in served
        if model.region is not None
    }
