"""Command line and environment of the gateway: gunicorn around the app factory, which is not imported here."""

import os
import socket
import sys
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import urlopen

from serving.settings import ROOT, Settings

CONFIG = "python:gateway.gunicorn_config"
APP = "gateway.app:create_app()"


@dataclass(frozen=True)
class GatewayLaunch:
    """What it takes to start the gateway."""

    command: tuple[str, ...]
    environment: dict[str, str]
    files: tuple[int, ...]


def prepare_gateway(settings: Settings, listener: socket.socket) -> GatewayLaunch:
    """Worker class, threads and metrics are the gateway's own affair: gateway/gunicorn_config.py."""
    workers = ("--workers", str(settings.gateway_workers)) if settings.gateway_workers else ()
    command = (
        *(sys.executable, "-m", "gunicorn", "--chdir", str(ROOT), "--config", CONFIG),
        # Nobody else can have the port, whose readiness is then this gateway's.
        *("--bind", f"fd://{listener.fileno()}", *workers),
        *("--graceful-timeout", str(int(settings.stop_timeout))),
        *("--log-level", "info" if settings.verbose else "warning"),
        APP,
    )
    triton = {"TRITON_URL": triton_url(settings), "TRITON_METRICS_URL": metrics_url(settings)}
    return GatewayLaunch(command, {**os.environ, **triton}, (listener.fileno(),))


def triton_url(settings: Settings) -> str:
    """Host and port of Triton's gRPC endpoint, for clients on this machine."""
    return f"{bracket(reachable(settings.triton_host))}:{settings.grpc_port}"


def metrics_url(settings: Settings) -> str:
    """URL of Triton's Prometheus metrics, for clients on this machine."""
    return f"http://{bracket(reachable(settings.triton_host))}:{settings.metrics_port}/metrics"


def gateway_url(settings: Settings) -> str:
    """URL of the gateway, for clients on this machine."""
    return f"http://{bracket(reachable(settings.gateway_host))}:{settings.gateway_port}"


def reachable(host: str) -> str:
    """An address to connect to, given one to listen on."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def bracket(host: str) -> str:
    """An IPv6 address needs brackets before a port."""
    return f"[{host}]" if ":" in host else host


def is_gateway_ready(settings: Settings) -> bool:
    """Whether GET /readyz answers with success."""
    try:
        with urlopen(f"{gateway_url(settings)}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False
