"""From an HTTP request to the photos in it: multipart, a raw body, or JSON with base64."""

import base64
import binascii
import codecs
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO

from flask import Request
from multipart import MultipartError, MultipartParser, MultipartPart
from PIL import Image, UnidentifiedImageError
from pydantic import ValidationError

from gateway.problems import BadRequest, NotAnImage, UnsupportedMedia
from gateway.schemas import Photo, Photos
from gateway.settings import Settings

FIELD = "file"
# Text fields of a form that may stand beside its files.
OTHER_PARTS = 32
# The second is what object stores say of files that they know nothing of.
BINARY = frozenset({"application/octet-stream", "binary/octet-stream"})
BUFFER_BYTES = 1 << 20
ACCEPTED = (
    f"multipart/form-data with one or more files in the field {FIELD!r}, an image as the body (Content-Type: image/…), "
    'or JSON as {"images": [{"data": "<base64>"}]}'
)


@dataclass(frozen=True)
class Upload:
    """One encoded image file and the name that the client gave it."""

    filename: str | None
    data: bytes

    def checksum(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return sha256(self.data).hexdigest()


def read_uploads(request: Request, settings: Settings) -> list[Upload]:
    """Every photo of a request, in its order.

    Raises:
        BadRequest: no photo, too many, or a body that is not what it says it is.
        UnsupportedMedia: a Content-Type that holds no photos.
        NotAnImage: a photo has more pixels than `max_pixels`.
    """
    uploads = read_body(request, settings)
    if not uploads:
        raise BadRequest(f"no photo; accepted is {ACCEPTED}")
    if len(uploads) > settings.max_files:
        raise BadRequest(f"{len(uploads)} photos; at most {settings.max_files} are accepted in one request")
    if settings.max_pixels:
        for upload in uploads:
            check_pixels(upload, settings.max_pixels)
    return uploads


def read_body(request: Request, settings: Settings) -> list[Upload]:
    if request.mimetype == "multipart/form-data":
        return read_multipart(request, settings)
    if request.is_json:
        return read_json(read_whole(request).removeprefix(codecs.BOM_UTF8))
    if request.mimetype.startswith("image/") or request.mimetype in BINARY:
        return [Upload(None, read_whole(request))]
    if not request.mimetype and not request.content_length:
        return []
    raise UnsupportedMedia(f"Content-Type {request.mimetype or 'is missing'}; accepted is {ACCEPTED}")


def read_whole(request: Request) -> bytes:
    """The body. In large pieces: gunicorn copies what is left of its buffer at every read."""
    return b"".join(iter(lambda: request.stream.read(BUFFER_BYTES), b""))


def read_multipart(request: Request, settings: Settings) -> list[Upload]:
    """The files of a form. werkzeug's own parser takes five times as long for a photo."""
    parser = MultipartParser(
        request.stream,
        request.mimetype_params.get("boundary", ""),
        buffer_size=BUFFER_BYTES,
        part_limit=settings.max_files + OTHER_PARTS,
        spool_limit=settings.max_upload_bytes,
        memory_limit=settings.max_upload_bytes,
    )
    try:
        parts = list(parser)
        for part in parts:
            if part.filename and part.name != FIELD:
                raise BadRequest(f"a file in the field {part.name!r}; accepted is {ACCEPTED}")
        return [Upload(part.filename or None, read_part(part)) for part in parts if part.name == FIELD]
    except MultipartError as error:
        raise BadRequest(f"a multipart body that cannot be read: {error.args[0]}; accepted is {ACCEPTED}") from None


def read_part(part: MultipartPart) -> bytes:
    """The file of a part; some clients write it as base64, as in e-mails."""
    if part.headers.get("Content-Transfer-Encoding", "").lower() != "base64":
        return bytes(part.raw)
    return decode_base64(part.raw.decode("latin-1"), f"the file {part.filename!r}")


def read_json(body: bytes) -> list[Upload]:
    try:
        photos = Photos.model_validate_json(body).images
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadRequest(f"{place}: {first['msg']}; accepted is {ACCEPTED}") from None
    return [Upload(photo.filename, decode(photo, place)) for place, photo in enumerate(photos)]


def decode(photo: Photo, place: int) -> bytes:
    """Base64 as MIME has it, with line breaks (RFC 2045, 6.8), or a data: URL (RFC 2397)."""
    text = photo.data.partition(",")[2] if photo.data[:5].lower() == "data:" else photo.data
    return decode_base64(text, f"images.{place}.data")


def decode_base64(text: str, place: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(f"{place}: no base64; send the file's bytes as base64 or as a data: URL") from None


def check_pixels(upload: Upload, most: int) -> None:
    """Reads the header only; what Pillow cannot open is left to Triton's preprocess step, which says why."""
    try:
        with Image.open(BytesIO(upload.data)) as image:
            width, height = image.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return
    if width * height > most:
        raise NotAnImage(f"a picture of {width}×{height} pixels; at most {most} pixels are accepted")
