"""What requests and answers look like: the source of the OpenAPI document, and of the checks on queries."""

from functools import cache
from typing import Any

from flask_openapi import Tag
from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from contract.tasks import MAX_DETECTIONS, Task

PHOTOS = Tag(name="photos", description="Photos in, answers out.")
MODELS = Tag(name="models", description="What is served.")
STATUS = Tag(name="status", description="Whether the service is well.")
# What answers look like, for the OpenAPI document.
SMILING = {"smiling": {"label": "smiling", "probability": 0.9, "probabilities": {"not smiling": 0.1, "smiling": 0.9}}}
FACE = {
    "label": "face",
    "score": 0.97,
    "box": {"x": 210.5, "y": 80.0, "width": 120.0, "height": 160.2},
    "attributes": SMILING,
}
IMAGE = {
    "filename": "a.jpg",
    "width": 640,
    "height": 480,
    "caption": {"text": "a person smiles", "score": -12.5},
    "faces": [FACE],
    "attributes": SMILING,
}
MODEL = {
    "name": "smiling",
    "task": "classification",
    "version": "1",
    "checksum": f"sha256:{'0' * 64}",
    "geometry": {"mode": "stretch", "width": 64, "height": 64},
    "labels": ["not smiling", "smiling"],
    "positive": "smiling",
    "min_score": 0.25,
    "default": True,
    "region": {"of": "faces", "margin": 0.15, "most": 16, "min_score": 0.5},
    "about": "Whether a face smiles",
    "licence": "MIT",
    "scores": "AUC 0.93 on photos kept aside",
    "link": "zoo/smiling/README.md",
}


def example(value: Any) -> dict[str, Any]:
    """For a schema's `json_schema_extra`."""
    return {"examples": [value]}


def optional(description: str, **bounds: Any) -> Any:
    """A parameter that may be left out, but not be null, as its type in Python has it."""
    return Field(None, description=description, json_schema_extra=leave_out_null, **bounds)


def leave_out_null(schema: dict[str, Any]) -> None:
    schema |= next(each for each in schema.pop("anyOf") if each.get("type") != "null")


class Query(BaseModel):
    """Parameters in a URL; one that is not known is refused with those that are."""

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown(cls, values: dict[str, Any]) -> dict[str, Any]:
        known = cls.model_fields.keys()
        if unknown := sorted(values.keys() - known):
            accepted = ", ".join(known) or "none"
            raise PydanticCustomError("unknown", f"no parameter {unknown[0]!r}; accepted are {accepted}")
        return values

    @classmethod
    @cache
    def model_json_schema(cls, *arguments: Any, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        """Asked for at every request by flask-openapi, so worth remembering."""
        return super().model_json_schema(*arguments, **options)


class NoParameters(Query):
    """The short answer has no choices."""


class Filters(Query):
    """Which objects an answer has."""

    min_score: float | None = optional(
        ge=0, le=1, description="leave out objects with a lower score; by default each model has its own"
    )
    max_objects: int | None = optional(
        ge=0, le=MAX_DETECTIONS, description="at most so many objects per photo and detector, best first"
    )
    labels: list[str] | None = optional(
        description="keep objects of these labels only, commas between; give it again for labels that hold commas"
    )


class Selection(Filters):
    """What is computed and which objects the answer has."""

    features: list[str] | None = optional(
        description="compute these models only, commas between; by default all that have `default`; empty for none",
    )


class ModelPath(Query):
    name: str = Field(description="name of a model, one of those in GET /v1/models")


class Photo(BaseModel):
    """One encoded image file in JSON."""

    data: str = Field(
        description="base64 of the file; a data: URL is accepted too", json_schema_extra={"format": "byte"}
    )
    filename: str | None = Field(None, description="comes back in the answer")


class Photos(BaseModel):
    """The JSON way to send photos."""

    images: list[Photo] = Field(min_length=1)


class Box(BaseModel):
    """Pixels of the upright photo."""

    x: float
    y: float
    width: float
    height: float


class Attribute(BaseModel):
    """What a classifier says."""

    label: str = Field(description="the most probable label")
    probability: float = Field(ge=0, le=1, description="of that label")
    probabilities: dict[str, float]


class Caption(BaseModel):
    """What a captioner says."""

    text: str
    score: float = Field(description="log-probability of the sentence")


class FoundObject(BaseModel):
    """What a detector found, with what other models say about its box; null where they did not look."""

    label: str
    score: float = Field(ge=0, le=1)
    box: Box
    attributes: dict[str, Attribute | None] = {}
    embeddings: dict[str, list[float] | None] = {}


class ProblemDetails(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


class ImageAnswer(BaseModel, extra="allow", json_schema_extra=example(IMAGE)):
    """What is in one photo. Each detector's list and each caption stands under its model's name, as `faces` and
    `caption` in the example. A photo that could not be read has `problem` alone."""

    __pydantic_extra__: dict[str, list[FoundObject] | Caption]

    filename: str | None
    width: int = Field(0, description="of the upright photo, in pixels")
    height: int = 0
    attributes: dict[str, Attribute | None] = Field(
        {}, description="by classifier; one that looks at boxes: of the largest box, null without any"
    )
    embeddings: dict[str, list[float] | None] = Field({}, description="by model")
    problem: ProblemDetails | None = None


class Answer(BaseModel, json_schema_extra=example({"images": [IMAGE], "models": {"caption": "1", "smiling": "1"}})):
    images: list[ImageAnswer] = Field(description="in the order of the request")
    models: dict[str, str] = Field(description="version of each model that was asked")


class ModelRegion(BaseModel):
    """A model that looks at boxes of the detector `of` in place of the whole photo."""

    of: str
    margin: float = Field(description="share of the box's longer side added on each side")
    most: int = Field(description="at most so many boxes, best first")
    min_score: float
    label: str | None = None


class ModelCard(BaseModel, json_schema_extra=example(MODEL)):
    name: str
    task: Task
    version: str
    checksum: str = Field(description="SHA-256 of the checkpoint that was exported")
    geometry: dict[str, Any] = Field(description="how a photo is brought to the network's size")
    labels: list[str] = []
    positive: str | None = Field(None, description="the label whose probability stands for a classifier")
    size: int | None = Field(None, description="numbers in an embedding")
    min_score: float = Field(description="objects below it are left out unless the request says otherwise")
    default: bool = Field(description="whether it is computed when no features are named")
    region: ModelRegion | None = None
    about: str = Field("", description="one line: what the model is")
    licence: str = ""
    scores: str = Field("", description="one line: how good it is, and on what")
    link: str = Field("", description="where there is more: a web address, or a path in the repository")


class ModelCards(BaseModel, json_schema_extra=example({"models": [MODEL], "file_types": [".jpeg", ".jpg", ".png"]})):
    models: list[ModelCard]
    file_types: list[str] = Field(description="how names of photo files end; what else is sent is judged by content")


class Status(BaseModel, json_schema_extra=example({"status": "ready"})):
    status: str


class ClassicAnswer(BaseModel, extra="allow", json_schema_extra=example({"prob_smiling": 0.9})):
    """One `prob_<name>` per classifier."""

    __pydantic_extra__: dict[str, float]
