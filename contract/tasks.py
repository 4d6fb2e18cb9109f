"""The kinds of models, and the names and limits of the ensemble `analyze`. Nobody else spells an output's name."""

from enum import StrEnum

ENSEMBLE = "analyze"
IMAGE = "IMAGE"  # the input: BYTES [N,1], encoded image files
IMAGE_SIZE = "IMAGE_SIZE"  # INT32 [N,2]: width and height of the upright original
MAX_DETECTIONS = 300  # boxes of one detector in one photo
DEFAULT_MIN_SCORE = 0.25  # boxes below it are left out of answers, unless the model's card or the caller says otherwise
DEFAULT_MAX_OBJECTS = 100  # boxes of one detector in an answer
NO_LABEL = -1  # label of the rows behind the last box
NO_REGION = -1.0  # values of a region model's rows for boxes that it did not look at


class Task(StrEnum):
    CLASSIFICATION = "classification"
    CAPTION = "caption"
    DETECTION = "detection"
    EMBEDDING = "embedding"


# What each output of a model ends with, behind the model's name.
SUFFIXES: dict[Task, tuple[str, ...]] = {
    Task.CLASSIFICATION: ("",),
    Task.CAPTION: ("", "_score"),
    Task.DETECTION: ("_boxes", "_scores", "_labels"),
    Task.EMBEDDING: ("",),
}


def output_names(task: Task, name: str) -> tuple[str, ...]:
    """The outputs of a model in the ensemble, in the order that `contract.answer` reads them:

    classification `<name>` FP32 [labels]; caption `<name>` BYTES [1] and `<name>_score` FP32 [1], a log-probability;
    detection `<name>_boxes` FP32 [300,4] (x1, y1, x2, y2 in pixels of the upright original, best first),
    `<name>_scores` FP32 [300] and `<name>_labels` INT32 [300]; embedding `<name>` FP32 [D]. All behind the batch [N].
    """
    return tuple(f"{name}{suffix}" for suffix in SUFFIXES[task])
