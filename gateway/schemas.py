"""What requests and answers look like: the source of the OpenAPI document, and of the checks on queries."""

from functools import cache
from typing import Any

from flask_openapi3 import Tag
from pydantic import BaseModel, Field

PHOTOS = Tag(name="photos", description="Photos in, answers out.")
MODELS = Tag(name="models", description="What the service can tell.")
STATUS = Tag(name="status", description="Whether the service is well.")


class Query(BaseModel, extra="ignore"):
    """Parameters in a URL."""

    @classmethod
    @cache
    def model_json_schema(cls, *arguments: Any, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        """Asked for at every request by flask-openapi3, so worth remembering."""
        return super().model_json_schema(*arguments, **options)


class Filters(Query):
    """Which objects are told."""

    min_score: float | None = Field(None, ge=0, le=1, description="leave out objects with a lower score")
    max_objects: int | None = Field(None, ge=0, le=300, description="at most so many objects per photo, best first")
    labels: str | None = Field(None, description="keep objects of these labels only, commas between")


class Selection(Filters):
    """What is computed and which objects are told."""

    features: str | None = Field(None, description="compute these models only, commas between; all by default")


class ModelPath(Query):
    name: str = Field(description="name of a model, as GET /v1/models tells it")


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


class FoundObject(BaseModel):
    label: str
    score: float = Field(ge=0, le=1)
    box: Box


class Caption(BaseModel):
    text: str
    score: float = Field(description="log-probability of the sentence")


class Attribute(BaseModel):
    label: str = Field(description="the most probable label")
    probability: float = Field(ge=0, le=1, description="of that label")
    probabilities: dict[str, float]


class ProblemDetails(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


class ImageAnswer(BaseModel):
    """What is in one photo; a photo that could not be read has `problem` alone."""

    filename: str | None
    width: int = Field(0, description="of the upright photo, in pixels")
    height: int = 0
    attributes: dict[str, Attribute] = {}
    caption: Caption | None = None
    objects: list[FoundObject] = []
    problem: ProblemDetails | None = None


class Answer(BaseModel):
    images: list[ImageAnswer] = Field(description="in the order of the request")
    models: dict[str, str] = Field(description="version of each model that was asked")


class ModelCard(BaseModel):
    name: str
    task: str = Field(description="classification, caption or detection")
    labels: list[str]
    version: str
    geometry: dict[str, Any] = Field(description="how a photo is brought to the network's size")
    checksum: str = Field(description="SHA-256 of the checkpoint that was exported")


class ModelCards(BaseModel):
    models: list[ModelCard]


class Status(BaseModel):
    status: str


class ClassicAnswer(BaseModel, extra="allow"):
    """One `prob_<name>` per classifier."""

    __pydantic_extra__: dict[str, float]
