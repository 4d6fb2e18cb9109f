"""Reverse proxies in front, whose X-Forwarded headers are believed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def register(app: Flask, count: int) -> None:
    """Take client, scheme, host and prefix from the last `count` proxies; with 0 from nobody."""
    if count:
        inner = leave_out_ports(app.wsgi_app)
        app.wsgi_app = ProxyFix(inner, count, count, count, x_prefix=count)  # type: ignore[method-assign]


def leave_out_ports(application: "WSGIApplication") -> "WSGIApplication":
    """Some proxies write a client's port behind its address; every connection would be a client of its own."""

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["REMOTE_ADDR"] = read_address(environ.get("REMOTE_ADDR", ""))
        return application(environ, start_response)

    return respond


def read_address(text: str) -> str:
    """The address of `1.2.3.4:567` or `[2001:db8::1]:567`; any other text as it is."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
