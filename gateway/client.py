"""A client of the gateway for Python programs and notebooks: `Client("http://127.0.0.1:8080").analyze("photo.jpg")`.

It needs httpx and tqdm, Pillow for PIL images and pandas for tables, and nothing else of this repository.
"""

import io
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import httpx
from tqdm.auto import tqdm

if TYPE_CHECKING:
    import pandas
    from PIL.Image import Image

    Photo = str | Path | bytes | Image

FORMATS = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "hif", "jp2", "ppm"]
SUFFIXES = frozenset(f".{name}" for name in FORMATS)
ORIENTATION_TAG = 0x0112  # EXIF's
PNG_MODES = frozenset(["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B"])
UNWRITABLE = {"HSV": "RGB", "La": "LA", "RGBa": "RGBA"}  # modes that no file has, and what they are sent as
RETRIED = frozenset({429, 503})
LONGEST_WAIT = 120.0  # seconds; a service that wants to be left alone for longer is an error


class ServiceError(Exception):
    """The service refused a request, or does not answer (`status` 0); the message is its own."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}" if status else detail)
        self.status, self.detail = status, detail


@dataclass(frozen=True)
class Attribute:
    """A classifier's answer: its likeliest label, and the probability of each."""

    label: str
    probability: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Caption:
    """A captioner's sentence; `score` is its log-probability."""

    text: str
    score: float


@dataclass(frozen=True)
class FoundObject:
    """Label, score in [0, 1], and the box (x, y, width, height) in pixels of the upright photo.

    `attributes` and `embeddings`: what other models say about the box, by name; None where they did not look.
    """

    label: str
    score: float
    box: tuple[float, float, float, float]
    attributes: dict[str, Attribute | None] = field(default_factory=dict)
    embeddings: dict[str, list[float] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What is in one photo, by the models' names. `error` says why there is nothing; `seconds` is the time that its
    request took. An attribute or embedding is None where its model looks at boxes and there are none."""

    name: str
    width: int = 0
    height: int = 0
    attributes: dict[str, Attribute | None] = field(default_factory=dict)
    captions: dict[str, Caption] = field(default_factory=dict)
    objects: dict[str, list[FoundObject]] = field(default_factory=dict)
    embeddings: dict[str, list[float] | None] = field(default_factory=dict)
    error: str | None = None
    seconds: float = 0.0


class Client:
    """Asks the gateway at `url`; safe to share between threads.

    `retries` is how often a request is sent again after 429, 503 or a broken connection. The wait is the server's
    Retry-After, or grows from half a second.
    """

    def __init__(self, url: str, api_key: str | None = None, timeout: float = 60.0, retries: int = 5) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout)
        self._retries = retries

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def models(self) -> list[dict[str, Any]]:
        """The card of every model: name, task, labels, version, geometry, checksum and more."""
        cards: list[dict[str, Any]] = self._send("GET", "/v1/models")["models"]
        return cards

    @overload
    def analyze(self, photos: "Photo", **options: Any) -> Result: ...
    @overload
    def analyze(self, photos: "Iterable[Photo]", **options: Any) -> list[Result]: ...

    def analyze(self, photos: Any, **options: Any) -> Result | list[Result]:
        """What is in a photo (a path, bytes or a PIL image): a `Result`; of several photos, a list.

        `options` are the query's: features, labels, min_score, max_objects. One photo that cannot be read raises;
        among several it is a result with an error.

        Raises:
            ServiceError: the service refused the request, or does not answer.
        """
        if isinstance(photos, str | Path | bytes) or hasattr(photos, "save"):
            return self._analyze_one(photos, options)
        return list(self.stream(photos, **options))

    def analyze_folder(
        self, folder: str | Path, concurrency: int = 8, progress: bool = True, **options: Any
    ) -> list[Result]:
        """Every photo below `folder`, several at a time, in the order of their names, with a progress bar."""
        paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
        results = self.stream(paths, concurrency, **options)
        return list(tqdm(results, total=len(paths), unit="photo", disable=not progress))

    def stream(self, photos: "Iterable[Photo]", concurrency: int = 8, **options: Any) -> Iterator[Result]:
        """Results in the order of `photos`, as they come; a photo that failed is a result with an error."""

        def ask(photo: "Photo") -> Result:
            try:
                return self._analyze_one(photo, options)
            except (ServiceError, OSError) as error:
                return Result(name_of(photo), error=str(error))

        with ThreadPoolExecutor(concurrency) as pool:
            yield from pool.map(ask, photos)

    def _analyze_one(self, photo: "Photo", options: dict[str, Any]) -> Result:
        body = read_photo(photo)
        started = time.monotonic()
        answer = self._send("POST", "/v1/analyze", params=options, content=body)
        return parse_image(name_of(photo), answer["images"][0], time.monotonic() - started)

    def _send(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        headers = {"Content-Type": "application/octet-stream"} if "content" in request else {}
        for attempt in range(self._retries + 1):
            wait = 0.5 * 2**attempt * random.uniform(0.5, 1)
            try:
                response = self._http.request(method, path, headers=headers, **request)
            except httpx.TransportError as error:
                problem = ServiceError(0, f"the service does not answer: {error}")
            else:
                if response.is_success:
                    answer: dict[str, Any] = response.json()
                    return answer
                problem = ServiceError(response.status_code, read_detail(response))
                if problem.status not in RETRIED:
                    raise problem
                wait = read_wait(response.headers.get("Retry-After", ""), wait)
            if attempt == self._retries or wait > LONGEST_WAIT:
                break
            time.sleep(wait)
        raise problem


def read_photo(photo: "Photo") -> bytes:
    """The bytes of a photo."""
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, str | Path):
        return Path(photo).read_bytes()
    if hasattr(photo, "save"):
        return encode_picture(photo)
    raise TypeError(f"a photo is a path, bytes or a PIL image, not {type(photo).__name__}")


def encode_picture(picture: "Image") -> bytes:
    """A PIL image as PNG, or as TIFF in modes that PNG lacks: both lose nothing. Its orientation goes along as EXIF."""
    from PIL.Image import Exif

    picture.load()  # Pillow turns TIFF files here, and forgets how they lay
    plain = picture.convert(UNWRITABLE.get(picture.mode, picture.mode)).copy()
    plain.info = {key: value for key, value in picture.info.items() if key == "transparency"}
    exif, output = Exif(), io.BytesIO()
    exif[ORIENTATION_TAG] = read_orientation(picture)
    plain.save(output, "PNG" if plain.mode in PNG_MODES else "TIFF", exif=exif)
    return output.getvalue()


def read_orientation(picture: "Image") -> int:
    """1 to 8; 1, which is upright, where the picture does not say, or not in words that Pillow can read."""
    try:
        orientation = picture.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # Pillow raises nearly anything on broken EXIF
        return 1
    return int(orientation) if orientation in range(1, 9) else 1


def name_of(photo: "Photo") -> str:
    """Its path where it has one."""
    return str(photo) if isinstance(photo, str | Path) else str(getattr(photo, "filename", "") or "")


def read_wait(retry_after: str, otherwise: float) -> float:
    """Seconds until the server wants to be asked again: Retry-After is a number or a date (RFC 9110, 10.2.3)."""
    if re.fullmatch(r"\d+(\.\d+)?", retry_after):
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return otherwise


def read_detail(response: httpx.Response) -> str:
    """What a problem+json says, or the start of whatever else came."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]


def parse_image(name: str, image: dict[str, Any], seconds: float) -> Result:
    """One entry of the answer's `images`. Lists beside its own members are a detector's, sentences a captioner's."""
    return Result(
        name=name,
        width=image["width"],
        height=image["height"],
        attributes=parse_attributes(image),
        captions={key: Caption(**value) for key, value in image.items() if isinstance(value, dict) and "text" in value},
        objects={key: list(map(parse_object, value)) for key, value in image.items() if isinstance(value, list)},
        embeddings=image.get("embeddings", {}),
        seconds=seconds,
    )


def parse_attributes(described: dict[str, Any]) -> dict[str, Attribute | None]:
    """The attributes of a photo or of an object."""
    return {name: value and Attribute(**value) for name, value in described.get("attributes", {}).items()}


def parse_object(found: dict[str, Any]) -> FoundObject:
    left, top, width, height = (found["box"][side] for side in ("x", "y", "width", "height"))
    return FoundObject(
        label=found["label"],
        score=found["score"],
        box=(left, top, width, height),
        attributes=parse_attributes(found),
        embeddings=found.get("embeddings", {}),
    )


def to_frame(results: Iterable[Result]) -> "pandas.DataFrame":
    """One row per photo: name, width, height, a column per label of each classifier, per captioner, per detector with
    the number of its objects, per label of those, per embedding; error, seconds."""
    import pandas

    return pandas.DataFrame([to_row(result) for result in results])


def to_row(result: Result) -> dict[str, Any]:
    """The row of one photo."""
    row: dict[str, Any] = {"name": result.name, "width": result.width, "height": result.height}
    for name, attribute in result.attributes.items():
        row |= {f"{name}: {label}": value for label, value in (attribute.probabilities if attribute else {}).items()}
    row |= {name: caption.text for name, caption in result.captions.items()}
    for name, objects in result.objects.items():
        row[name] = len(objects)
        row |= {f"{name}: {label}": count for label, count in Counter(found.label for found in objects).items()}
    return row | result.embeddings | {"error": result.error, "seconds": result.seconds}
