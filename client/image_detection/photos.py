"""What a photo may be (a path, bytes, an open file or a PIL image), and the photos of a folder."""

import io
from collections.abc import Collection
from pathlib import Path
from typing import IO, TypeAlias, TypeGuard

from PIL import Image

Photo: TypeAlias = str | Path | bytes | IO[bytes] | Image.Image

ORIENTATION_TAG = 0x0112  # EXIF's
PNG_MODES = frozenset(["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B"])
UNWRITABLE = {"HSV": "RGB", "La": "LA", "RGBa": "RGBA"}  # modes that no file has, and what they are sent as


def list_photos(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files with one of these suffixes below `folder`, in the order of their names, without hidden ones.

    Raises:
        NotADirectoryError: there is no such folder, or it is a file.
        FileNotFoundError: it holds no photo.
    """
    if folder.is_file():
        raise NotADirectoryError(f"{folder} is a file; give the folder that holds it")
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {folder}")
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file()]
    paths = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not paths:
        raise FileNotFoundError(f"{folder} holds no photo; accepted are {', '.join(sorted(suffixes))}")
    return sorted(paths)


def read_photo(photo: Photo) -> bytes:
    """The bytes of a photo."""
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, str | Path):
        return Path(photo).read_bytes()
    if isinstance(photo, Image.Image):
        return encode_picture(photo)
    if is_file(photo) and isinstance(data := photo.read(), bytes):
        return data
    raise TypeError(f"a photo is a path, bytes, an open binary file or a PIL image, not {type(photo).__name__}")


def is_file(photo: object) -> TypeGuard[IO[bytes]]:
    """Whether it is open like a file; its lines are no photos."""
    return hasattr(photo, "read")


def encode_picture(picture: Image.Image) -> bytes:
    """A PIL image as PNG, or as TIFF in modes that PNG lacks: both lose nothing. Its orientation goes along as EXIF."""
    picture.load()  # Pillow turns TIFF files here, and forgets how they lay
    plain = picture.convert(UNWRITABLE.get(picture.mode, picture.mode)).copy()
    plain.info = {key: value for key, value in picture.info.items() if key == "transparency"}
    exif, output = Image.Exif(), io.BytesIO()
    exif[ORIENTATION_TAG] = read_orientation(picture)
    plain.save(output, "PNG" if plain.mode in PNG_MODES else "TIFF", exif=exif)
    return output.getvalue()


def read_orientation(picture: Image.Image) -> int:
    """1 to 8; 1, which is upright, where the picture does not say, or not in words that Pillow can read."""
    try:
        orientation = picture.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # Pillow raises nearly anything on broken EXIF
        return 1
    return int(orientation) if orientation in range(1, 9) else 1


def name_of(photo: Photo) -> str:
    """Its path where it has one."""
    if isinstance(photo, str | Path):
        return str(photo)
    name = getattr(photo, "filename", None) or getattr(photo, "name", None)  # of a picture, of an open file
    return str(name or "")
