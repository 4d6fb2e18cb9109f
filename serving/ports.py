"""Which ports serving uses: resolves 0 to a free port and refuses ports that are taken."""

import errno
import socket
from typing import Any

from serving.errors import PortInUse, SettingsError
from serving.settings import Settings, flag


def claim_ports(settings: Settings) -> Settings:
    """The settings with every 0 replaced by a free port. Raises PortInUse when a port is taken.

    The ports are free when this returns; nothing holds them until the children listen.
    """
    claimed: dict[str, Any] = {
        name: claim_port(name, host, getattr(settings, name)) for name, host in used_ports(settings).items()
    }
    if len(set(claimed.values())) < len(claimed):
        pairs = ", ".join(f"{flag(name)} {port}" for name, port in claimed.items())
        raise SettingsError(f"two endpoints share one port: {pairs}")
    return settings.model_copy(update=claimed)


def used_ports(settings: Settings) -> dict[str, str]:
    """The port settings that will be listened on, each with its address."""
    ports = {"grpc_port": settings.triton_host, "metrics_port": settings.triton_host}
    if settings.http:
        ports["http_port"] = settings.triton_host
    if settings.gateway:
        ports["gateway_port"] = settings.gateway_host
    return ports


def claim_port(name: str, host: str, port: int) -> int:
    """The number of a port that can be listened on now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise refuse(name, host, port, error) from error
        return int(listener.getsockname()[1])


def refuse(name: str, host: str, port: int, error: OSError) -> Exception:
    """The error that names the port, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return PortInUse(
            f"port {port} on {host} is in use: another serving seems to run already",
            f"Stop it, or choose another port with {flag(name)}.",
        )
    return SettingsError(f"cannot listen on {host} port {port} ({flag(name)}): {error.strerror}")
