"""API keys; only their SHA-256 is kept anywhere."""

import hmac
import secrets
from hashlib import sha256

from gateway.settings import SettingsError

# Name to SHA-256.
Keys = dict[str, bytes]


def create_key(name: str) -> tuple[str, str]:
    """A new key for `name`, and the entry for `API_KEYS` that lets it in.

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
    """Whose key this is, in a time that does not depend on how close it was."""
    digest = sha256(given.encode()).digest()
    matches = [name for name, kept in keys.items() if hmac.compare_digest(kept, digest)]
    return matches[0] if matches else None
