"""Command line and environment of the Triton server."""

import math
import os
import secrets
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from serving.backend_directory import lay_out_backends, link_libraries
from serving.errors import InstallationError, SettingsError
from serving.installation import Installation
from serving.paths import make_plain, require_plain
from serving.repositories import list_networks
from serving.settings import Settings

RESTRICTED_PROTOCOLS = "model-repository,shared-memory,trace,logging"
SECRET_HEADER = "serving"
# One thread in every stub: a Python-backend instance is a process, and each library would else take all cores.
SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")

# glibc gives freed memory back at once and pays for every page again: 50 page faults per photo, a tenth of a request.
# Freed memory up to 64 MiB stays with the process; single blocks of 16 MiB and more are given back.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(16 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20)}

# Since 1.29 ONNX Runtime reports sessions to its maker unless this is set.
IN_HOUSE = {"ORT_DISABLE_TELEMETRY": "1"}

# Only for the wheel's server. It runs networks on the CPU, and would warn that it finds no GPU. Export and the steps
# write whole configs; to complete them, Triton would start one process more for each model, and wait: 10 s, not 3.
EMBEDDED = ("--allow-gpu-metrics=false", "--pinned-memory-pool-byte-size=0", "--disable-auto-complete-config")


@dataclass(frozen=True)
class TritonLaunch:
    """What it takes to start Triton. `secret` opens its restricted protocols; it is never printed."""

    command: tuple[str | Path, ...]
    environment: dict[str, str]
    secret: str
    shm_prefix: str
    files: tuple[int, ...] = ()


def prepare_triton(
    settings: Settings, models: Sequence[str], installation: Installation, directory: Path
) -> TritonLaunch:
    """Lay out what Triton needs in `directory` (an empty folder) and say how to start it with the models."""
    require_plain(directory, "the folder for temporary files")
    if installation.embedded:
        require_loopback(settings)
    require_configs(settings)
    secret = settings.triton_secret or secrets.token_urlsafe(24)
    shm_prefix = f"serving_{os.getpid()}_"
    command = (
        installation.binary,
        *repository_options(settings, models, directory),
        *endpoint_options(settings, secret),
        *backend_options(settings, installation, directory, shm_prefix),
        *cache_options(settings, installation),
        *shlex.split(settings.triton_flags),
        # Triton 24.10 waits this long for nothing once a model has failed to reload.
        f"--exit-timeout-secs={math.ceil(settings.stop_timeout)}",
        *(EMBEDDED if installation.embedded else ()),
    )
    return TritonLaunch(command, make_environment(installation, directory), secret, shm_prefix)


def require_loopback(settings: Settings) -> None:
    """Refuse to show the embedded server, whose release has published remote-code holes, to other machines."""
    if ip_address(settings.triton_host).is_loopback or settings.allow_public_triton:
        return
    raise SettingsError(
        f"--triton-host {settings.triton_host}: the embedded Triton server has known security holes "
        "and listens on this machine only",
        "Use NVIDIA's container for anything else (docker-compose.yml), or insist with --allow-public-triton.",
    )


def require_configs(settings: Settings) -> None:
    """Refuse a target that a network has no config for: Triton would serve it by its config for the CPU."""
    name = settings.model_config_name
    lacking = [
        network.name
        for repository in (settings.model_repository if name else ())
        for network in list_networks(repository)
        if not (network / "configs" / f"{name}.pbtxt").is_file()
    ]
    if lacking:
        raise SettingsError(
            f"--model-config-name={name}: there is no configs/{name}.pbtxt of {', '.join(lacking)}",
            "`make export` writes those of `cuda`; export/README.md tells how those of `tensorrt` are made.",
        )


def repository_options(settings: Settings, models: Sequence[str], directory: Path) -> list[str]:
    """Explicit model control, so that SIGHUP can reload in the right order."""
    options = [
        f"--model-repository={make_plain(path.resolve(), directory / f'repository_{number}')}"
        for number, path in enumerate(settings.model_repository)
    ]
    options += ["--model-control-mode=explicit", "--strict-readiness=true"]
    # By name, as `*` would load steps that no model needs too: they have no config.
    options += [f"--load-model={name}" for name in models]
    if settings.model_config_name:
        options.append(f"--model-config-name={settings.model_config_name}")
    return options


def endpoint_options(settings: Settings, secret: str) -> list[str]:
    """Where Triton listens, and which of its protocols need the secret."""
    host = settings.triton_host
    options = [
        f"--grpc-address={host}",
        f"--grpc-port={settings.grpc_port}",
        f"--grpc-restricted-protocol={RESTRICTED_PROTOCOLS}:{SECRET_HEADER}={secret}",
        f"--metrics-address={host}",
        f"--metrics-port={settings.metrics_port}",
        f"--allow-http={'true' if settings.http else 'false'}",
    ]
    if settings.http:
        options += [
            f"--http-address={host}",
            f"--http-port={settings.http_port}",
            f"--http-restricted-api={RESTRICTED_PROTOCOLS}:{SECRET_HEADER}={secret}",
        ]
    return options


def backend_options(settings: Settings, installation: Installation, directory: Path, shm_prefix: str) -> list[str]:
    """Where the backends lie. The prefix tells this server's shared memory from others', for cleaning up."""
    if installation.embedded:
        backends = settings.backend_directory or lay_out_backends(installation, directory)
    else:
        backends = installation.backends
    require_plain(backends, "the folder of backends")
    return [
        f"--backend-directory={backends}",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix}",
    ]


def cache_options(settings: Settings, installation: Installation) -> list[str]:
    """The local response cache, when it is wanted. Only models whose config enables it use it."""
    if not settings.response_cache_bytes:
        return []
    return [
        f"--cache-directory={installation.caches}",
        f"--cache-config=local,size={settings.response_cache_bytes}",
    ]


def make_environment(installation: Installation, directory: Path) -> dict[str, str]:
    """Environment of Triton and thereby of its Python-backend stubs."""
    environment = {**ALLOCATOR, **IN_HOUSE, **os.environ, **dict.fromkeys(SINGLE_THREADED, "1")}
    if installation.embedded:
        wheel = make_plain(installation.libraries, directory / "wheel_libraries")
        libraries = [str(wheel), str(link_libraries(directory))]
        environment["LD_LIBRARY_PATH"] = join_paths(libraries, environment.get("LD_LIBRARY_PATH"))
        environment["PATH"] = join_paths([str(python_directory())], environment.get("PATH"))
    return environment


def python_directory() -> Path:
    """The folder of the running Python: a stub takes its packages from the first python3 on PATH."""
    directory = Path(sys.executable).parent
    if not (directory / "python3").exists():
        raise InstallationError(
            f"there is no python3 in {directory}", "Use a virtual environment: `make serve` makes one."
        )
    return directory


def join_paths(first: list[str], rest: str | None) -> str:
    """A search path that begins with `first`."""
    return os.pathsep.join([*first, rest] if rest else first)


def remove_shared_memory(prefix: str) -> None:
    """Remove what a killed Triton left in /dev/shm."""
    for path in Path("/dev/shm").glob(f"{prefix}*"):
        path.unlink(missing_ok=True)
