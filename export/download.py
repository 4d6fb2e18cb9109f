"""Checkpoints from an address: downloaded once, kept in the user's cache, and refused when the checksum differs."""

from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_cache_path

from export.entry import Model
from export.errors import CheckpointError, first_line
from export.frameworks.source import checksum

CACHE = "image-detection-service"


def cache_path(url: str) -> Path:
    """Where the file of an address is kept; addresses that end alike have folders of their own."""
    return user_cache_path(CACHE) / sha256(url.encode()).hexdigest()[:16] / (Path(urlsplit(url).path).name or "file")


def download(model: Model) -> None:
    """Have the entry's address in the cache.

    Raises:
        CheckpointError: it cannot be had, or is another file than `sha256` says; nothing is kept then.
    """
    import pooch

    pooch.get_logger().setLevel("ERROR")
    path = model.checkpoint
    try:
        pooch.retrieve(model.url, f"sha256:{model.sha256}", path.name, path.parent)
    except ValueError as error:  # pooch's word for another sum
        raise CheckpointError(
            f"{model.url}: {first_line(error)}; correct sha256 of {model.name} if you trust the file"
        ) from error
    except OSError as error:  # requests' errors are among these
        raise CheckpointError(
            f"{model.url}: cannot be downloaded: {first_line(error)}; correct checkpoint of {model.name}, or bring the "
            "file"
        ) from error


def check_sum(model: Model) -> None:
    """Raises CheckpointError for a file that is not the one of the entry's `sha256`."""
    if model.sha256 and checksum(model.checkpoint) != f"sha256:{model.sha256}":
        raise CheckpointError(
            f"{model.checkpoint}: is not the file of sha256 {model.sha256}; bring that, or correct sha256 of "
            f"{model.name}"
        )
