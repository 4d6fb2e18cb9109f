"""Settings of `python -m serving`: one table, from which flags, environment variables and help are made.

A field `grpc_port` is the flag `--grpc-port` and the environment variable `SERVING_GRPC_PORT`; the flag wins.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from serving.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT_PREFIX = "SERVING_"


def setting(default: Any, description: str, *, secret: bool = False) -> Any:
    """A dataclass field that argparse can explain. A secret has no flag, as flags show in process lists."""
    return field(default=default, metadata={"description": description, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """Everything that can be chosen at start. A port 0 means any free port."""

    gateway_host: str = setting("127.0.0.1", "address that the gateway listens on")
    gateway_port: int = setting(8080, "port of the gateway")
    gateway_workers: int = setting(0, "gateway processes; 0 takes half the cores")
    gateway: bool = setting(True, "start the gateway in front of Triton")
    triton_host: str = setting("127.0.0.1", "address that Triton listens on")
    grpc_port: int = setting(8001, "port of Triton's gRPC endpoint")
    metrics_port: int = setting(8002, "port of Triton's Prometheus metrics")
    http: bool = setting(False, "open Triton's HTTP endpoint too")
    http_port: int = setting(8000, "port of Triton's HTTP endpoint")
    allow_public_triton: bool = setting(
        False, "let the embedded server of the Python wheel, which has known security holes, listen beyond this machine"
    )
    model_repository: tuple[Path, ...] = setting(
        (ROOT / "model_repository", ROOT / "ensembles"), "Triton model repository; may be given several times"
    )
    model_config_name: str = setting("", "take configs/<name>.pbtxt of each model that has it (target)")
    triton_directory: str = setting("", "a Triton installation to use, such as /opt/tritonserver")
    response_cache_bytes: int = setting(0, "size of Triton's response cache; 0 leaves it off")
    ready_timeout: float = setting(180.0, "seconds that the models, then the gateway, may take to become ready")
    stop_timeout: float = setting(10.0, "seconds that Triton and the gateway may take to finish their requests")
    verbose: bool = setting(False, "print Triton's whole log, not only warnings and errors")
    triton_secret: str = setting(
        "", "key of Triton's restricted protocols (model control and others); a random one by default", secret=True
    )

    def __post_init__(self) -> None:
        for name in ("gateway_port", "grpc_port", "metrics_port", "http_port"):
            if not 0 <= getattr(self, name) <= 65535:
                raise SettingsError(f"{flag(name)}: {getattr(self, name)} is no port (0 to 65535)")
        for name in ("gateway_host", "triton_host"):
            require_address(flag(name), getattr(self, name))
        for repository in self.model_repository:
            if not repository.is_dir():
                raise SettingsError(
                    f"--model-repository: there is no folder {repository}", "`make export` writes the repositories."
                )


def flag(name: str) -> str:
    """The command-line flag of a field."""
    return "--" + name.replace("_", "-")


def require_address(name: str, value: str) -> None:
    """Refuse what Triton and gunicorn would only refuse later: names are not addresses."""
    try:
        ip_address(value)
    except ValueError:
        raise SettingsError(f"{name}: {value!r} is no IP address, such as 127.0.0.1 or 0.0.0.0") from None


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment and the command line, which wins.

    Raises SettingsError for a value that cannot be served; argparse exits with status 2 for an unknown flag.
    """
    values = {name: value for name, value in vars(make_parser().parse_args(arguments)).items() if value is not None}
    if "model_repository" in values:
        values["model_repository"] = tuple(values["model_repository"])
    return Settings(**{**read_environment(environment), **values})


def make_parser() -> argparse.ArgumentParser:
    """A parser with one flag for each field that is no secret."""
    parser = argparse.ArgumentParser(
        prog="python -m serving",
        description="Start Triton with both model repositories, and the gateway in front of it.",
        epilog="Each flag may be given as an environment variable: --grpc-port as SERVING_GRPC_PORT. "
        "SERVING_TRITON_SECRET sets the key of Triton's restricted protocols. SIGHUP reloads the models.",
    )
    for item in fields(Settings):
        if not item.metadata["secret"]:
            parser.add_argument(flag(item.name), default=None, **argparse_options(item))
    return parser


def argparse_options(item: Any) -> dict[str, Any]:
    """What argparse needs for one field."""
    description = item.metadata["description"]
    if item.type is bool:
        return {"action": argparse.BooleanOptionalAction, "help": description}
    if item.name == "model_repository":
        default = " and ".join(path.name for path in item.default)
        return {"action": "append", "type": Path, "metavar": "DIR", "help": f"{description} (default: {default})"}
    default = f" (default: {item.default})" if item.default != "" else ""
    return {"type": item.type, "metavar": item.type.__name__.upper(), "help": description + default}


def read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Values of the fields whose environment variable is set."""
    values = {}
    for item in fields(Settings):
        name = ENVIRONMENT_PREFIX + item.name.upper()
        if environment.get(name):
            values[item.name] = parse_value(name, item, environment[name])
    return values


def parse_value(name: str, item: Any, text: str) -> Any:
    """The value of one environment variable, by the type of its field."""
    if item.name == "model_repository":
        return tuple(Path(part) for part in text.split(os.pathsep))
    if item.type is bool:
        return parse_boolean(name, text)
    try:
        return item.type(text)
    except ValueError:
        raise SettingsError(f"{name}: {text!r} is no {item.type.__name__}") from None


def parse_boolean(name: str, text: str) -> bool:
    """`1`, `true` and `yes` are true; `0`, `false` and `no` are false."""
    meanings = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in meanings:
        raise SettingsError(f"{name}: {text!r} is none of {', '.join(meanings)}")
    return meanings[text.lower()]
