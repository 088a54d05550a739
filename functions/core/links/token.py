"""Make and read the tokens of short links.

A token contains the id of a generation and the number of a link, followed by an HMAC of both with a key of the
deployment. So nothing secret is stored, and a token cannot be guessed. It also contains the second of the generation's
creation, because the id of a deleted generation can be used again after a year.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

_TOKEN = re.compile(r"[A-Za-z0-9_-]{52}", re.ASCII)
_ID, _NUMBER, _SECOND = 16, 2, 4  # bytes of the parts; all together have 39, which base64 encodes without padding
_NAMED = _ID + _NUMBER + _SECOND
_MAC = 17


@dataclass(frozen=True)
class Named:
    """The content of a token: a generation, the second of its creation since 1970, and the number of a link."""

    generation_id: str
    second: int
    number: int

    @classmethod
    def of(cls, generation_id: str, created_at: datetime, number: int) -> "Named":
        """Return the name of a link of a generation."""
        return cls(generation_id, int(created_at.timestamp()), number)


@dataclass(frozen=True)
class Tokens:
    """Makes and reads tokens. `master` returns the secret of the deployment that the key derives from."""

    master: Callable[[], str]

    def make(self, named: Named) -> str:
        """Return the token, the same at every call."""
        parts = (
            bytes.fromhex(named.generation_id),
            named.number.to_bytes(_NUMBER, "big"),
            named.second.to_bytes(_SECOND, "big"),
        )
        return base64.urlsafe_b64encode(self._signed(b"".join(parts))).decode()

    def read(self, token: str) -> Named | None:
        """Return the content of the token, or None if this deployment did not make it."""
        if not _TOKEN.fullmatch(token):
            return None
        raw = base64.urlsafe_b64decode(token)
        named = raw[:_NAMED]
        if not hmac.compare_digest(self._signed(named), raw):
            return None
        return Named(
            generation_id=named[:_ID].hex(),
            number=int.from_bytes(named[_ID : _ID + _NUMBER], "big"),
            second=int.from_bytes(named[_ID + _NUMBER :], "big"),
        )

    def _signed(self, named: bytes) -> bytes:
        # Webhooks derive their secrets from the same master, with another word: core.webhooks.secret.
        key = hmac.digest(self.master().encode(), json.dumps(["links"]).encode(), hashlib.sha256)
        return named + hmac.digest(key, named, hashlib.sha256)[:_MAC]
