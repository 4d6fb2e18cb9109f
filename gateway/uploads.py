"""From an HTTP request to the photos in it."""

from dataclasses import dataclass

from flask import Request

from gateway.problems import BadRequest

FIELD = "file"


@dataclass(frozen=True)
class Upload:
    """One encoded image file and the name that the client gave it."""

    filename: str | None
    data: bytes


def read_uploads(request: Request, max_files: int) -> list[Upload]:
    """Every file of a multipart request.

    Raises:
        BadRequest: no file or too many.
    """
    files = request.files.getlist(FIELD)
    if not files:
        raise BadRequest(f"no file; send multipart/form-data with one or more files in the field {FIELD!r}")
    if len(files) > max_files:
        raise BadRequest(f"{len(files)} files; at most {max_files} are accepted in one request")
    return [Upload(file.filename or None, file.stream.read()) for file in files]
