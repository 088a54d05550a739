"""Issue and recognise keys of the HTTP API. Each key has an owner, is shown once, and is kept as a hash.

The secret that holds them is one JSON object: {key id: {"owner": str, "sha256": hex, "created_at": ISO 8601, and where
they are not the default "name": str, "scope": str, "expires_at": ISO 8601, "line": key id, "short_links": "yes",
"repeat_window": seconds}}. A key is `pr_<key id>_<secret>`; its 256 random bits make a plain SHA-256 as good as a slow
hash.

A key and its replacements form a line, which has the id of its first key. They share one budget.
"""

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.generation import Clock, iso
from core.secrets import Secret

READ, CREATE, ALL = "read", "create", "all"
SCOPES = (READ, CREATE, ALL)  # each includes the one before: read; create and retry; cancel and delete as well
YES = "yes"
KeyRecord = dict[str, str]
READ_EVERY, MOST_READS = timedelta(seconds=2), 5  # reads for unknown keys: on average, and at most in a row
_KEY = re.compile(r"pr_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Holder:
    """The owner of a key, the key's id, its scope, its line and its settings."""

    owner: str
    key_id: str
    scope: str
    line: str
    short_links: bool = False  # whether `video.url` is a short link
    repeat_window: str = ""  # seconds within which equal requests are one job: core.intake.repeats


@dataclass
class KnownKeys:
    """Finds the holders of keys in the secret, which is remembered for a while.

    An unknown key may be newer than the remembered secret, so the secret is read again. Guessed keys are also unknown,
    so a token bucket limits these reads: it holds `MOST_READS` tokens and gets one every `READ_EVERY`.
    """

    secret: Secret
    now: Clock
    _is_full_at: datetime | None = None  # when the bucket has all its tokens again

    def holder(self, authorization: str) -> Holder | None:
        """Return the holder of the key in an `Authorization` header, or None if it has no valid key."""
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not _KEY.fullmatch(key):
            return None
        found = holder_of(key, self.secret.text(), self.now())
        if found is None and self._may_read():
            found = holder_of(key, self.secret.text(force_fetch=True), self.now())
        return found

    def _may_read(self) -> bool:
        now = self.now()
        is_full_at = max(self._is_full_at or now, now) + READ_EVERY
        if is_full_at - now > READ_EVERY * MOST_READS:
            return False
        self._is_full_at = is_full_at
        return True


def issue(
    owner: str, now: datetime, *, name: str = "", scope: str = ALL, expires_at: datetime | None = None
) -> tuple[str, dict[str, KeyRecord]]:
    """Return a new key, to be shown once, and the entry to keep."""
    key_id = secrets.token_hex(4)
    key = f"pr_{key_id}_{secrets.token_urlsafe(32)}"
    record = {"owner": owner, "sha256": _hash(key), "created_at": iso(now)}
    record |= {"name": name} if name else {}
    record |= {"scope": scope} if scope != ALL else {}
    record |= {"expires_at": iso(expires_at)} if expires_at else {}
    return key, {key_id: record}


def holder_of(key: str, stored: str | None, now: datetime) -> Holder | None:
    """Return the holder of `key` in the secret's text, or None if the key is not valid or has expired."""
    match = _KEY.fullmatch(key)
    if match is None or stored is None:
        return None
    record: KeyRecord | None = json.loads(stored).get(match[1])
    if record is None or not hmac.compare_digest(record["sha256"], _hash(key)):
        return None
    if "expires_at" in record and datetime.fromisoformat(record["expires_at"]) <= now:
        return None
    return Holder(
        owner=record["owner"],
        key_id=match[1],
        scope=record.get("scope", ALL),
        line=record.get("line", match[1]),
        short_links=has_short_links(record),
        repeat_window=record.get("repeat_window", ""),
    )


def has_short_links(record: KeyRecord) -> bool:
    """Return whether `video.url` is a short link for this key."""
    return record.get("short_links") == YES


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
