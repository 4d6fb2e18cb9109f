"""What lies in the model repositories, in the order in which it may be reloaded."""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from serving.errors import SettingsError
from serving.paths import require_plain


class Role(IntEnum):
    """What a model is for. The value is its place in a reload: an ensemble needs its steps to be there already."""

    NETWORK = 0
    STEP = 1
    ENSEMBLE = 2


def list_models(repositories: Iterable[Path]) -> list[str]:
    """Names of all models: networks first, then the Python steps, then the ensembles.

    Raises SettingsError when two repositories have a model of the same name, which Triton would leave out.
    """
    folders: dict[str, Path] = {}
    for folder in (entry for repository in repositories for entry in sorted(repository.iterdir())):
        if not (folder / "config.pbtxt").is_file():
            continue
        require_plain(Path(folder.name), "the name of the model")
        if folder.name in folders:
            raise SettingsError(
                f"two model repositories have a model {folder.name!r}: {folders[folder.name]} and {folder}"
            )
        folders[folder.name] = folder
    return sorted(folders, key=lambda name: (read_role(folders[name]), name))


def describe_models(models: Sequence[str], repositories: Iterable[Path]) -> str:
    """`6 networks and 5 steps`: the models that people know, and what Triton runs before and behind them."""
    networks = sum(folder.name in models for repository in repositories for folder in list_networks(repository))
    counts = {"network": networks, "step": len(models) - networks}
    parts = [f"{count} {noun}{'s' if count > 1 else ''}" for noun, count in counts.items() if count]
    return " and ".join(parts) or "no models"


def list_networks(repository: Path) -> list[Path]:
    """Folders of the models that are no Python step and no ensemble."""
    folders = [config.parent for config in sorted(repository.glob("*/config.pbtxt"))]
    return [folder for folder in folders if read_role(folder) is Role.NETWORK]


def read_role(folder: Path) -> Role:
    """The role of a model by its config."""
    config = model_config_pb2.ModelConfig()
    try:
        text_format.Parse((folder / "config.pbtxt").read_text(), config)
    except text_format.ParseError as error:
        raise SettingsError(f"{folder / 'config.pbtxt'}: {error}") from error
    if config.HasField("ensemble_scheduling"):
        return Role.ENSEMBLE
    return Role.STEP if config.backend == "python" else Role.NETWORK
