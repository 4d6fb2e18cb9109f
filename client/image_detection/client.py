"""The calls to the service."""

import random
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import Path
from typing import Any, overload

import httpx
from PIL import Image
from tqdm import tqdm

from image_detection.answers import Result, parse_image
from image_detection.photos import Photo, is_file, list_photos, name_of, read_photo

RETRIED = frozenset({429, 503})
EXAMPLE = "http://127.0.0.1:8080"
LONGEST_WAIT = 120.0  # seconds; a service that wants to be left alone for longer is an error


class ServiceError(Exception):
    """The service refused a request, and the message is its own; or does not answer as one would (`status` 0)."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}" if status else detail)
        self.status, self.detail = status, detail


class Client:
    """Asks the gateway at `url`; safe to share between threads.

    `retries` is how often a request is sent again after 429, 503 or a broken connection. The wait is the server's
    Retry-After, or grows from half a second.

    Raises:
        ValueError: `url` is no address of a service.
    """

    def __init__(self, url: str, api_key: str | None = None, timeout: float = 60.0, retries: int = 5) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=parse_address(url), headers=headers, timeout=timeout)
        self._retries = retries

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def models(self) -> list[dict[str, Any]]:
        """The card of every model: name, task, labels, version, geometry, checksum and more."""
        cards: list[dict[str, Any]] = self._send("models", "GET", "/v1/models")
        return cards

    @overload
    def analyze(self, photos: Photo, **options: Any) -> Result: ...
    @overload
    def analyze(self, photos: Iterable[Photo], **options: Any) -> list[Result]: ...

    def analyze(self, photos: Any, **options: Any) -> Result | list[Result]:
        """What is in a photo (a path, bytes, an open file or a PIL image): a `Result`; of several photos, a list.

        `options` are the query's: `features` (models) and `labels`, each a list or a text with commas between;
        `min_score`, `max_objects`. One photo that cannot be read raises; among several it is a result with an error.

        Raises:
            ServiceError: the service refused the request, or does not answer.
        """
        if isinstance(photos, str | Path | bytes | Image.Image) or is_file(photos):
            return self._analyze_one(photos, options)
        return list(self.stream(photos, **options))

    def analyze_folder(
        self, folder: str | Path, concurrency: int = 8, progress: bool = True, **options: Any
    ) -> list[Result]:
        """Every photo below `folder`, several at a time, in the order of their names, with a progress bar.

        The service says by which names files are photos. Results are called by their paths below `folder`.

        Raises:
            NotADirectoryError, FileNotFoundError: there is no such folder, it is a file, or it holds no photo.
            ServiceError: the service does not answer.
        """
        suffixes = self._send("file_types", "GET", "/v1/models")
        paths = list_photos(Path(folder), suffixes)
        results = tqdm(self.stream(paths, concurrency, **options), total=len(paths), unit="photo", disable=not progress)
        names = [path.relative_to(folder).as_posix() for path in paths]
        return [replace(result, name=name) for result, name in zip(results, names, strict=True)]

    def annotate(self, photo: Photo, **options: Any) -> Image.Image:
        """The upright photo with everything drawn on it that `analyze` with these `options` tells.

        Raises:
            ServiceError: the service refused the request, or does not answer.
        """
        drawn = self._request("POST", "/v1/annotate", params=options, content=read_photo(photo))
        return Image.open(BytesIO(drawn.content))

    def stream(self, photos: Iterable[Photo], concurrency: int = 8, **options: Any) -> Iterator[Result]:
        """Results in the order of `photos`, as they come; a photo that failed is a result with an error."""

        def ask(photo: Photo) -> Result:
            try:
                return self._analyze_one(photo, options)
            except (ServiceError, OSError, ValueError) as error:  # pictures that cannot be encoded raise the last
                return Result(name_of(photo), error=str(error))

        with ThreadPoolExecutor(concurrency) as pool:
            yield from pool.map(ask, photos)

    @property
    def _address(self) -> str:
        """For messages, which show no password."""
        return str(self._http.base_url.copy_with(userinfo=b"")).rstrip("/")

    def _analyze_one(self, photo: Photo, options: dict[str, Any]) -> Result:
        body = read_photo(photo)
        started = time.monotonic()
        images = self._send("images", "POST", "/v1/analyze", params=options, content=body)
        return parse_image(name_of(photo), images[0], time.monotonic() - started)

    def _send(self, member: str, method: str, path: str, **request: Any) -> Any:
        """A member of the answer's JSON."""
        response = self._request(method, path, **request)
        try:
            return response.json()[member]
        except (ValueError, KeyError, TypeError):
            raise ServiceError(0, f"{self._address} is another service: its answer has no {member}") from None

    def _request(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"Content-Type": "application/octet-stream"} if "content" in request else {}
        for attempt in range(self._retries + 1):
            wait = 0.5 * 2**attempt * random.uniform(0.5, 1)
            try:
                response = self._http.request(method, path, headers=headers, **request)
            except httpx.TransportError as error:
                problem = ServiceError(0, f"{self._address} does not answer: {error}")
            else:
                if response.is_success:
                    return response
                problem = ServiceError(response.status_code, read_detail(response))
                if problem.status not in RETRIED:
                    raise problem
                wait = read_wait(response.headers.get("Retry-After", ""), wait)
            if attempt == self._retries or wait > LONGEST_WAIT:
                break
            time.sleep(wait)
        raise problem


def parse_address(url: str) -> httpx.URL:
    """Raises ValueError for what is no http address with a host, and says how it is written."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is no address of a service: {error}; write {EXAMPLE}") from None
    if address.scheme not in ("http", "https") or not address.host:
        host = re.sub(r"^(\w+:)?/+", "", url)
        raise ValueError(f"{url!r} is no address of a service; write {f'http://{host}' if host else EXAMPLE}")
    return address


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
        return " ".join(response.text[:200].split())
