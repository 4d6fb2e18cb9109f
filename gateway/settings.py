"""Settings of the gateway: one table. `python -m gateway --help` prints it.

Each setting is an environment variable of the same name in capitals, or a key of the TOML file that `GATEWAY_CONFIG`
names; the environment wins.
"""

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, TomlConfigSettingsSource

from contract.tasks import DEFAULT_MAX_OBJECTS, MAX_DETECTIONS

CONFIG = "GATEWAY_CONFIG"
ORIGIN = re.compile(r"\*|[A-Za-z][A-Za-z0-9+.-]*://[^/\s]+")


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names it and what is accepted."""


class Settings(BaseSettings, frozen=True, extra="ignore", env_ignore_empty=True):
    """What can be chosen when the gateway starts."""

    triton_url: str = Field("127.0.0.1:8001", description="host:port of Triton's gRPC endpoint")
    triton_metrics_url: str = Field(
        "", description="where Triton's Prometheus metrics are; /metrics/triton passes them on"
    )
    request_seconds: PositiveFloat = Field(15.0, description="deadline of a request after its upload, queues included")
    upload_seconds: PositiveFloat = Field(30.0, description="time that a client may take to send a request's body")
    max_upload_bytes: PositiveInt = Field(32_000_000, description="largest request body, in bytes")
    max_files: PositiveInt = Field(32, description="most files in one request")
    max_pixels: NonNegativeInt = Field(
        0, description="most pixels of a picture (width times height); 0 leaves it to Triton's preprocess step"
    )
    max_concurrent: PositiveInt = Field(
        2, description="requests to Triton that one worker has under way; photos that wait meanwhile share the next"
    )
    queue_seconds: NonNegativeFloat = Field(
        2.0, description="longest wait for Triton; a request gets 503 after it, or at once where it would wait longer"
    )
    max_waiting: NonNegativeInt = Field(64, description="requests that may wait for Triton; more get 503 at once")
    cache_bytes: NonNegativeInt = Field(
        32_000_000, description="memory per worker for answers to photos that may be sent again; 0 keeps none"
    )
    cache_seconds: PositiveFloat = Field(60.0, description="age at which such an answer is forgotten")
    max_objects: int = Field(
        DEFAULT_MAX_OBJECTS,
        ge=0,
        le=MAX_DETECTIONS,
        description="objects per photo and detector unless the request says otherwise",
    )
    api_keys: str = Field(
        "", description="keys that are accepted, as name:sha256 with commas between; empty lets everybody in"
    )
    rate_limit: str = Field("", description='requests per key, or per address without keys, such as "60 per minute"')
    rate_limit_storage: str = Field(
        "memory://", description="where limits are counted: memory:// counts per worker, redis://host:port for all"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="web origins that may call from a browser, with commas between; * for all"
    )
    trusted_proxies: NonNegativeInt = Field(
        0, description="reverse proxies in front whose X-Forwarded headers are believed, for limits, logs and links"
    )
    upload_folder: Path | None = Field(None, description="keep every accepted picture and its answer here; empty: off")
    upload_folder_bytes: PositiveInt = Field(1_000_000_000, description="size of the kept pictures; the oldest go")
    upload_folder_days: PositiveFloat = Field(30.0, description="age in days at which kept pictures go")
    log_format: str = Field("text", pattern="^(text|json)$", description="one line per request as text or json")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def split(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """Browsers send an origin without a slash at its end."""
        origins = tuple(origin.rstrip("/") for origin in origins)
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no web origin; write scheme://host or scheme://host:port, or *")
        return origins

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, os.environ.get(CONFIG))


def read_settings() -> Settings:
    """Settings from the environment and the file.

    Raises:
        SettingsError: a value cannot be used, or there is no such file.
    """
    path = os.environ.get(CONFIG)
    if path and not Path(path).is_file():
        raise SettingsError(f"{CONFIG}: there is no file {path}")
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{str(each['loc'][0]).upper()}: {each['msg']}, not {each['input']!r}" for each in error.errors()]
        raise SettingsError("; ".join(lines)) from None


def list_settings() -> list[tuple[str, str, str]]:
    """Name in the environment, default and description of every setting."""
    return [
        (name.upper(), show(field.default), field.description or "") for name, field in Settings.model_fields.items()
    ]


def show(default: object) -> str:
    return "" if default in (None, "", ()) else str(default)
