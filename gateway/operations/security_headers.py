"""Security headers, also in the answers that Flask's hooks never see."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# The page and the documents bring all that they need; answers are data and load nothing.
HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'self'; object-src 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]


def register(app: Flask) -> None:
    app.wsgi_app = add_headers(app.wsgi_app)  # type: ignore[assignment, method-assign]


def add_headers(application: "WSGIApplication") -> "WSGIApplication":
    """`application` with the headers in each of its answers that does not have its own."""

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            own = {name for name, _ in headers}
            missing = [header for header in HEADERS if header[0] not in own]
            return start_response(status, headers + missing, *error)

        return application(environ, start)

    return respond
