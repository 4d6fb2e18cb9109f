"""Settings of the gateway: one table; each field is an environment variable of the same name in capitals."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


def setting(default: Any, description: str) -> Any:
    return field(default=default, metadata={"description": description})


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names it."""


@dataclass(frozen=True)
class Settings:
    """What can be chosen when the gateway starts."""

    triton_url: str = setting("127.0.0.1:8001", "host:port of Triton's gRPC endpoint")
    max_upload_bytes: int = setting(32_000_000, "largest request body")
    max_files: int = setting(32, "most files in one request")
    request_seconds: float = setting(15.0, "deadline of a request, Triton's queues included")
    min_score: float = setting(0.25, "objects with a lower score are left out unless the request says otherwise")
    max_objects: int = setting(100, "objects per photo unless the request says otherwise")


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment.

    Raises:
        SettingsError: a value is not of the setting's type.
    """
    values = {}
    for item in fields(Settings):
        text = environment.get(item.name.upper())
        if text:
            values[item.name] = _parse(item.name.upper(), item.type, text)
    return Settings(**values)


def _parse(name: str, kind: Any, text: str) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise SettingsError(f"{name}: {text!r} is no {kind.__name__}") from error
