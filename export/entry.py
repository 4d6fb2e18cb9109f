"""One entry of models.toml: every field and its accepted values."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from contract.tasks import DEFAULT_MIN_SCORE, ENSEMBLE, MAX_DETECTIONS, Task

ROOT = Path(__file__).parents[1]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Side = Annotated[int, Field(ge=8, le=4096)]
Line = Annotated[str, Field(pattern=r"^[^\n]*$")]
Share = Annotated[float, Field(gt=0, lt=1)]

ACTIONS = {"check", "doctor", "list", "remove"}  # words of export's command line
# Names of the ensemble's own outputs and steps, and words of the gateway's API.
STEPS = {ENSEMBLE, "preprocess", "postprocess_caption", "postprocess_detection", "regions"}
# Members of an answer, and columns of a dataset, that are no model's.
MEMBERS = {"image", "images", "models", "filename", "width", "height", "problem", "attributes", "embeddings"}
COLUMNS = {"source", "sha256", "error", "seconds"}
RESERVED = STEPS | MEMBERS | COLUMNS | ACTIONS


class Framework(StrEnum):
    KERAS = "keras"
    TORCH = "torch"
    ULTRALYTICS = "ultralytics"
    ONNX = "onnx"


class Mode(StrEnum):
    STRETCH = "stretch"
    LETTERBOX = "letterbox"
    CENTER_CROP = "center_crop"


class Resample(StrEnum):
    """How a photo is scaled, in the words of `ensembles/preprocess/1/geometry.py`.

    `nearest` and `bilinear` are slower: they need a large JPEG decoded in full.
    """

    ANTIALIAS = "antialias"
    BICUBIC = "bicubic"
    NEAREST = "nearest"
    BILINEAR = "bilinear"


class Channels(StrEnum):
    RGB = "rgb"
    BGR = "bgr"
    GREY = "grey"

    @property
    def depth(self) -> int:
        return 1 if self is Channels.GREY else 3


class Activation(StrEnum):
    """What export adds behind the network's last layer to get probabilities."""

    NONE = "none"
    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"


class Precision(StrEnum):
    """Of the served network's weights and arithmetic; inputs and outputs keep their types."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


class Weights(StrEnum):
    """How weights are stored; they are computed with in the entry's `precision`."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


class Head(StrEnum):
    """What a detector's numbers are; see export/tasks/heads.py."""

    ULTRALYTICS = "ultralytics"
    END_TO_END = "end_to_end"
    YOLOV5 = "yolov5"
    YOLOX = "yolox"
    DETR = "detr"


class Accelerator(StrEnum):
    """What computes the network on the CPU: ONNX Runtime by itself, or OpenVINO (Triton's execution accelerator)."""

    NONE = "none"
    OPENVINO = "openvino"


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GeometryEntry(Entry):
    """How a photo is fitted to the network; sizes in pixels. `resize`: the shorter side before a center_crop.

    `resample`: `antialias` is what Keras' `load_img` and torchvision call bilinear, `bicubic` theirs and timm's,
    `nearest` the default of `load_img`; `bilinear` is OpenCV's, TensorFlow's and ultralytics'.
    """

    mode: Mode
    width: Side
    height: Side
    resize: Side | None = None
    resample: Resample = Resample.ANTIALIAS

    @model_validator(mode="after")
    def check_resize(self) -> Self:
        if self.resize is not None and self.mode is not Mode.CENTER_CROP:
            raise ValueError("resize belongs to mode center_crop only")
        if self.resize is not None and self.resize < max(self.width, self.height):
            raise ValueError("resize must not be smaller than width or height")
        return self


class RegionEntry(Entry):
    """Where a classifier or embedding looks: at boxes of the detector `of`, in place of the whole photo.

    `margin`: share of the box's longer side added on each side. The best `most` boxes of at least `min_score`, of
    `label` if one is given, are looked at.
    """

    of: Name
    margin: Annotated[float, Field(ge=0, le=2)] = 0.25
    most: Annotated[int, Field(ge=1, le=MAX_DETECTIONS)] = 16
    min_score: Share = 0.5
    label: str | None = None


class Pixels(Entry):
    """Normalisation, folded into the graph: (pixel / divide - mean) / std, in the network's channel order."""

    channels: Channels = Channels.RGB
    divide: Annotated[float, Field(gt=0)] = 255.0
    mean: list[float] = [0.0]
    std: list[Annotated[float, Field(gt=0)]] = [1.0]

    @model_validator(mode="after")
    def check_lengths(self) -> Self:
        for field in ("mean", "std"):
            if len(getattr(self, field)) not in (1, self.channels.depth):
                more = f" or {self.channels.depth}, one per channel" if self.channels.depth > 1 else ""
                raise ValueError(f"{field} takes 1 value{more}")
        return self


class Decoding(Entry):
    """How outputs are read.

    Captions: `vocabulary` (JSON list or text, one token a line), `max_length` in tokens, `beam_width` (1 is greedy).
    Detections: `head` (found by itself where shapes leave no doubt), `score_floor` below which boxes are dropped, `iou`
    of the NMS (heads with anchors only).
    """

    vocabulary: Path | None = None
    max_length: Annotated[int, Field(ge=1, le=100)] = 20
    beam_width: Annotated[int, Field(ge=1, le=16)] = 1
    head: Head | None = None
    score_floor: Share = 0.01
    iou: Share = 0.7


class Model(Entry):
    """One entry of the manifest.

    Fields:
        name: of the network, of its output (classification) and of the feature in the API.
        task, framework: see the enums.
        checkpoint: path, relative to the manifest; of an address the file in the cache. `url`: that address, as the
            manifest has it in `checkpoint`. `sha256`: of the file, which must be that.
        factory: `module:function` that builds the network of a PyTorch state dict; other checkpoints bring their own.
        output: which output to serve where a checkpoint has several (its name).
        labels: classes by index. Detectors may leave it out: the checkpoint's own names count.
        positive: the label whose probability stands for the model (`prob_<name>`); default the last.
        activation: added behind the last layer; one sigmoid unit becomes the probabilities of two labels.
        atol, atol_pixels: largest absolute difference from the framework that export tolerates; of a detector's boxes
            it is `atol_pixels`.
        precision: of the served network. `calibration`: folder of pictures that int8 is calibrated on, and that
            a lower precision is judged on; `max_loss`: the largest loss of accuracy, as a share, that export tolerates.
        weights: stored in half precision they take half the bytes, in 8-bit integers a quarter; the network still
            computes in fp32.
        accelerator: on the CPU; GPU targets have their own.
        normalise: an embedding's numbers are divided by their length.
        min_score: a detector's boxes below it are left out of answers, unless the caller says otherwise.
        region: where to look, in place of the whole photo; classifiers and embeddings only.
        default: part of "everything"; with false the model is only computed when it is asked for by name.
        about, licence, scores: one line each, for people who ask what the model is.
        link: where there is more, its card for one: a web address, or a path in the repository.
        version: the version that is served; the newest by default.
        max_batch_size: largest batch Triton builds. instances: processes (CPU). threads: per instance,
            0 for all cores.
    """

    name: Name
    task: Task
    framework: Framework
    checkpoint: Path
    url: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    factory: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] | None = None
    output: str | None = None
    labels: Annotated[list[str], Field(min_length=1)] | None = None
    positive: str | None = None
    geometry: GeometryEntry
    pixels: Pixels = Pixels()
    activation: Activation = Activation.NONE
    decoding: Decoding = Decoding()
    atol: Annotated[float, Field(gt=0)] = 1e-3
    atol_pixels: Annotated[float, Field(gt=0)] = 1.0
    precision: Precision = Precision.FP32
    weights: Weights = Weights.FP32
    calibration: Path | None = None
    max_loss: Annotated[float, Field(ge=0, lt=1)] = 0.01
    accelerator: Accelerator = Accelerator.NONE
    normalise: bool = False
    min_score: Share = DEFAULT_MIN_SCORE
    region: RegionEntry | None = None
    default: bool = True
    about: Line = ""
    licence: Line = ""
    scores: Line = ""
    link: Annotated[str, Field(pattern=r"^(https?://\S+|[\w./-]*)$")] = ""
    version: PositiveInt | None = None
    max_batch_size: PositiveInt = 8
    instances: PositiveInt = 2
    threads: NonNegativeInt = 0

    @model_validator(mode="after")
    def check_words(self) -> Self:
        if self.name in RESERVED:
            raise ValueError(f"name is reserved; reserved are {', '.join(sorted(RESERVED))}")
        if self.labels and len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must differ from each other")
        if self.positive is not None and self.positive not in (self.labels or []):
            raise ValueError(f"positive must be one of the labels {self.labels}")
        if self.url and not self.sha256:
            raise ValueError("sha256 is needed for a checkpoint that is downloaded")
        if self.precision is not Precision.FP32 and self.calibration is None:
            raise ValueError(f"calibration (a folder of pictures) is needed for precision {self.precision}")
        if self.precision is not Precision.FP32 and self.weights is not Weights.FP32:
            raise ValueError(f"weights belongs to precision fp32; {self.precision} stores them in its own way")
        if self.weights is Weights.INT8 and self.accelerator is Accelerator.OPENVINO:
            raise ValueError("weights = int8 has no accelerator: OpenVINO 2026.4 computes other numbers from it")
        return self
