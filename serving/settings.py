"""Settings of `python -m serving`: one table, from which flags, environment variables and help are made."""

import os
import re
import shlex
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, DirectoryPath, Field, PositiveFloat, ValidationError
from pydantic_settings import BaseSettings, CliSuppress, NoDecode

from serving.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT_PREFIX = "SERVING_"


def split(folders: object) -> object:
    """Folders out of a text: those of a repeated flag come with commas between, the environment's with colons."""
    return tuple(re.split(f"[,{os.pathsep}]", folders)) if isinstance(folders, str) else folders


def bundled_repositories() -> tuple[Path, ...]:
    return (ROOT / "model_repository", ROOT / "ensembles")


Port = Annotated[int, Field(ge=0, le=65535)]
Address = Annotated[str, AfterValidator(lambda text: str(ip_address(text)))]
Folders = Annotated[tuple[DirectoryPath, ...], NoDecode, BeforeValidator(split)]


class Settings(
    BaseSettings,
    frozen=True,
    env_prefix=ENVIRONMENT_PREFIX,
    env_ignore_empty=True,
    cli_prog_name="python -m serving",
    cli_kebab_case=True,
    cli_implicit_flags=True,
):
    """Start Triton with both model repositories, and the gateway in front of it.

    Each flag may be given as an environment variable: --grpc-port as SERVING_GRPC_PORT; the flag wins. SIGHUP reloads
    the models. What follows `--` goes to tritonserver as it is.
    """

    gateway_host: Address = Field("127.0.0.1", description="address that the gateway listens on")
    gateway_port: Port = Field(8080, description="port of the gateway; as with each port, 0 is any free one")
    gateway_workers: int = Field(0, ge=0, description="gateway processes; 0 takes half the cores")
    gateway: bool = Field(True, description="start the gateway in front of Triton")
    triton_host: Address = Field("127.0.0.1", description="address that Triton listens on")
    grpc_port: Port = Field(8001, description="port of Triton's gRPC endpoint")
    metrics_port: Port = Field(8002, description="port of Triton's Prometheus metrics")
    http: bool = Field(False, description="open Triton's HTTP endpoint too")
    http_port: Port = Field(8000, description="port of Triton's HTTP endpoint")
    allow_public_triton: bool = Field(
        False,
        description="let the embedded server of the Python wheel, which has known security holes, listen beyond this "
        "machine",
    )
    model_repository: Folders = Field(
        default_factory=bundled_repositories, description="Triton model repository; may be given several times"
    )
    model_config_name: str = Field("", description="take configs/<name>.pbtxt of each network (target)")
    triton_directory: str = Field("", description="a Triton installation to use, such as /opt/tritonserver")
    backend_directory: DirectoryPath | None = Field(
        None,
        description="backends of the wheel's server, as `python -m serving.backend_directory` lays them out; without "
        "it a temporary folder, from which programs must be allowed to run",
    )
    triton_flags: str = Field("", description="further flags of tritonserver, quoted as for a shell")
    response_cache_bytes: int = Field(0, ge=0, description="size of Triton's response cache; 0 leaves it off")
    ready_timeout: PositiveFloat = Field(
        180.0, description="seconds that the models, then the gateway, may take to become ready"
    )
    stop_timeout: PositiveFloat = Field(
        10.0, description="seconds that Triton and the gateway may take to finish their requests"
    )
    probe_interval: float = Field(
        10.0, ge=0, description="seconds between photos that show whether Triton still answers; 0 sends none"
    )
    verbose: bool = Field(False, description="print Triton's whole log, not only warnings and errors")
    # Not shown as a flag, as flags show in process lists.
    triton_secret: CliSuppress[str] = Field(
        "", repr=False, description="key of Triton's restricted protocols (model control and others); random by default"
    )


def flag(name: str) -> str:
    """The command-line flag of a field."""
    return "--" + name.replace("_", "-")


def read_settings(arguments: Sequence[str]) -> Settings:
    """Settings from the environment and the command line, which wins.

    Raises SettingsError for a value that cannot be served; argparse exits with status 2 for an unknown flag.
    """
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    further = [f"--triton-flags={shlex.join(given[end + 1 :])}"] if given[end + 1 :] else []
    try:
        return Settings(_cli_parse_args=[*given[:end], *further])
    except ValidationError as error:
        names = [str(each["loc"][0]) for each in error.errors()]
        lines = [
            f"{flag(name)} (or {ENVIRONMENT_PREFIX}{name.upper()}) {each['input']!r}: {each['msg']}"
            for name, each in zip(names, error.errors(), strict=True)
        ]
        raise SettingsError("; ".join(lines)) from None
