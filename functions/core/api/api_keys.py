"""Keys of the HTTP API: shown once, kept as a hash, each with an owner.

The secret that holds them is one JSON object: {key id: {"owner": str, "sha256": hex, "created_at": ISO 8601}}. A key is
`pr_<key id>_<secret>`; its 256 random bits make a plain SHA-256 as good as a slow hash.
"""

import hashlib
import hmac
import json
import re
import secrets
from datetime import datetime

from core.generation import iso

KeyRecord = dict[str, str]
_KEY = re.compile(r"pr_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")


def issue(owner: str, now: datetime) -> tuple[str, dict[str, KeyRecord]]:
    """A new key, to be shown once, and the entry to keep."""
    key_id = secrets.token_hex(4)
    key = f"pr_{key_id}_{secrets.token_urlsafe(32)}"
    return key, {key_id: {"owner": owner, "sha256": _hash(key), "created_at": iso(now)}}


def is_key(text: str) -> bool:
    """Whether it has the form of a key; it may still be nobody's."""
    return _KEY.fullmatch(text) is not None


def owner_of(key: str, stored: str | None) -> str | None:
    """Who presents `key`, given the secret's text; None if the key is not valid."""
    match = _KEY.fullmatch(key)
    if match is None or stored is None:
        return None
    record: KeyRecord | None = json.loads(stored).get(match[1])
    if record is None or not hmac.compare_digest(record["sha256"], _hash(key)):
        return None
    return record["owner"]


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
