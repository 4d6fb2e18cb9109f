"""The ports, taken before anything starts: 0 becomes a free one, and one that is in use is told at once."""

import errno
import socket
from contextlib import ExitStack

from serving.errors import PortInUse, SettingsError
from serving.settings import Settings, flag

BACKLOG = 2048  # connections that wait to be accepted, as many as gunicorn's own sockets hold


def take_ports(settings: Settings) -> tuple[Settings, socket.socket | None]:
    """The settings with the numbers of the ports, and the gateway's listening socket, if there is to be a gateway.

    Triton opens its ports itself; they were free until now. Raises PortInUse when one is not.
    """
    hosts = {"grpc_port": settings.triton_host, "metrics_port": settings.triton_host}
    hosts |= {"http_port": settings.triton_host} if settings.http else {}
    hosts |= {"gateway_port": settings.gateway_host} if settings.gateway else {}
    with ExitStack() as stack:
        sockets = {
            name: stack.enter_context(listen(name, host, getattr(settings, name))) for name, host in hosts.items()
        }
        ports = {name: each.getsockname()[1] for name, each in sockets.items()}
        gateway = sockets["gateway_port"].dup() if settings.gateway else None
    return settings.model_copy(update=ports), gateway


def listen(name: str, host: str, port: int) -> socket.socket:
    """A socket that listens; `name` is the port's setting."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} on {host} is in use, by another serving or by another endpoint of this one",
                f"Stop it, or choose another port with {flag(name)}.",
            ) from error
        raise SettingsError(f"cannot listen on {host} port {port} ({flag(name)}): {error.strerror}") from error
    return listener
