"""Who is let in: API keys, rate limits, and a place to wait in."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from flask import Blueprint, Flask, Response, g, request
from flask_limiter import Limiter

from gateway.operations.keys import find_name
from gateway.operations.request_context import measured
from gateway.problems import Overloaded, Unauthorized
from gateway.services import services
from gateway.settings import Settings

PIECE_BYTES = 1 << 20


def register(app: Flask, blueprints: list[Blueprint], settings: Settings) -> None:
    """Have every route of `blueprints` count requests; before they are registered."""
    app.before_request(recognise)
    if not settings.rate_limit:
        return
    app.after_request(round_up_wait)  # the hooks run from the last to the first, so after the limiter's own
    limiter = Limiter(identify_client, app=app, storage_uri=settings.rate_limit_storage, headers_enabled=True)
    # One count over all routes, whichever a client takes.
    limit = limiter.shared_limit(settings.rate_limit, "gateway", error_message="too many requests; come again later")
    for blueprint in blueprints:
        limit(blueprint)


def recognise() -> None:
    """Note whose key the request carries."""
    g.key_name = find_name(services().keys, read_key()) if services().keys else None


def require_key() -> None:
    """Refuse a request without a known key, where there are keys at all."""
    if not services().keys or g.key_name:
        return
    if read_key():
        raise Unauthorized("this key is not known")
    raise Unauthorized("a key is needed, as Authorization: Bearer … or X-API-Key: …")


def read_key() -> str:
    """The key that the request carries, if any."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")


def identify_client() -> str:
    """Whose requests are counted together."""
    return g.key_name or request.remote_addr or ""


def round_up_wait(response: Response) -> Response:
    """Flask-Limiter rounds Retry-After down, to 0 in the last second: who came then would be refused again."""
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["Retry-After"] = str(int(response.headers.get("Retry-After", "0")) + 1)
    return response


@contextmanager
def receiving_body() -> Iterator[None]:
    """Measure the arrival of the request's body, and limit its time.

    Raises:
        Overloaded: nobody may wait for Triton any more. The body is thrown away.
        RequestTimeout: the body did not arrive in time.
    """
    connection = request.environ.get("gunicorn.socket")
    with measured("upload"), services().upload_deadline.limit(connection):
        if services().batcher.is_full():
            # gunicorn would read what is left in small pieces, and in the thread that serves all connections.
            while request.stream.read(PIECE_BYTES):
                continue
            raise Overloaded("the service is busy; try again soon")
        yield
