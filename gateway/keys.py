"""API keys: who may ask, and how often."""

import hmac
import secrets
from hashlib import sha256
from http import HTTPStatus

from flask import Blueprint, Flask, Response, current_app, g, request
from flask_limiter import Limiter

from gateway.problems import Unauthorized
from gateway.settings import Settings, SettingsError

Keys = dict[str, bytes]


def create_key(name: str) -> tuple[str, str]:
    """A new key for `name`, and the entry for `API_KEYS` that lets it in. Only its SHA-256 is kept anywhere.

    A key has 256 random bits, so a plain hash of it cannot be guessed back.
    """
    key = secrets.token_urlsafe(32)
    return key, f"{name}:{sha256(key.encode()).hexdigest()}"


def parse_keys(text: str) -> Keys:
    """Entries name:sha256 with commas between.

    Raises:
        SettingsError: an entry has another form; the key itself in place of its hash, for one.
    """
    keys = {}
    for entry in filter(None, text.replace(",", " ").split()):
        name, _, digest = entry.rpartition(":")
        try:
            keys[name] = bytes.fromhex(digest)
        except ValueError:
            keys[name] = b""
        if not name or len(keys[name]) != 32:
            raise SettingsError(
                f"API_KEYS: an entry is not name:sha256; `python -m gateway key NAME` makes one ({name})"
            )
    return keys


def find_name(keys: Keys, given: str) -> str | None:
    """Whose key this is, in a time that does not tell how close it was."""
    digest = sha256(given.encode()).digest()
    matches = [name for name, kept in keys.items() if hmac.compare_digest(kept, digest)]
    return matches[0] if matches else None


def read_key() -> str:
    """The key that the request carries, if any."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")


def recognise() -> None:
    """Note whose key the request carries."""
    keys: Keys = current_app.extensions["keys"]
    g.key_name = find_name(keys, read_key()) if keys else None


def require_key() -> None:
    """Refuse a request without a known key, where there are keys at all."""
    if not current_app.extensions["keys"] or g.key_name:
        return
    if read_key():
        raise Unauthorized("this key is not known")
    raise Unauthorized("a key is needed, as Authorization: Bearer … or X-API-Key: …")


def identify_client() -> str:
    """Whose requests are counted together."""
    return g.key_name or request.remote_addr or ""


def protect(app: Flask, blueprints: list[Blueprint], settings: Settings) -> None:
    """Have every route of `blueprints` ask for a key and count requests; before they are registered."""
    app.extensions["keys"] = parse_keys(settings.api_keys)
    app.before_request(recognise)
    if not settings.rate_limit:
        return
    app.after_request(round_up_wait)  # the hooks run from the last to the first, so after the limiter's own
    limiter = Limiter(identify_client, app=app, storage_uri=settings.rate_limit_storage, headers_enabled=True)
    # One count over all routes, whichever a client takes.
    limit = limiter.shared_limit(settings.rate_limit, "gateway", error_message="too many requests; come again later")
    for blueprint in blueprints:
        limit(blueprint)


def round_up_wait(response: Response) -> Response:
    """Flask-Limiter rounds Retry-After down, to 0 in the last second: who came then would be refused again."""
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["Retry-After"] = str(int(response.headers.get("Retry-After", "0")) + 1)
    return response
