"""Copies of the model repositories with other settings, and services that serve them."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from bench.service import Service, start_service
from bench.work import ENSEMBLES, NETWORKS, read_config

IDLE_STEP = Path(__file__).with_name("idle_step.py")
Change = Callable[[model_config_pb2.ModelConfig], None]


@contextmanager
def start_variants(changes: Mapping[str, Change | None]) -> Iterator[dict[str, Service]]:
    """A service for each change, all at once, so that they can be measured in turns; None changes nothing.

    Each change is applied to the config of every model but the ensemble.
    """
    with ExitStack() as stack:
        services = {}
        for name, change in changes.items():
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="variant-")))
            copy_repositories(folder)
            if change is not None:
                change_configs(folder, change)
            services[name] = stack.enter_context(start_service("--no-gateway", *repository_options(folder)))
        yield services


def copy_repositories(folder: Path) -> None:
    """Both repositories into `folder`."""
    for repository in (NETWORKS, ENSEMBLES):
        shutil.copytree(repository, folder / repository.name)


def change_configs(folder: Path, change: Change) -> None:
    """Apply `change` to the config of every model but the ensemble."""
    for path in folder.glob("*/*/config.pbtxt"):
        config = read_config(path.parent)
        if not config.HasField("ensemble_scheduling"):
            change(config)
            path.write_text(text_format.MessageToString(config))


def write_idle_steps(folder: Path) -> None:
    """Both repositories into `folder`, with steps that compute nothing."""
    copy_repositories(folder)
    change_configs(folder, run_in_python)
    for path in [*folder.glob("*/*/1/model.py"), *folder.glob("*/*/*/model.onnx")]:
        shutil.copy(IDLE_STEP, path.with_name("model.py"))


def run_in_python(config: model_config_pb2.ModelConfig) -> None:
    config.backend = "python"
    config.ClearField("optimization")


def repository_options(folder: Path) -> list[str]:
    """What makes `serving` serve the copies."""
    return [f"--model-repository={folder / repository.name}" for repository in (NETWORKS, ENSEMBLES)]
