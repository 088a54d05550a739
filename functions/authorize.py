"""The HTTP API's authorizer: whose key is it?

It always lets the request pass, with an empty owner for a key that is not valid, and api.py answers that with 401 and
the provider's error body. A refusal here would reach the client as 403, which in the provider's contract means "out
of credits".
"""

import time
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from typing import Any

from core import settings
from core.api.api_keys import Holder, holder_of, is_key
from wiring import logger, now
from wiring.api_keys import UsesApiKeys, read_api_keys

RETRY_SECONDS = 2  # after which a new key is known at the latest
REMEMBER_SECONDS = 30  # with the gateway's 240 s a key that is revoked or expires stops within five minutes


@dataclass(frozen=True)
class Settings(UsesApiKeys):
    pass


@cache
def _settings() -> Settings:
    return settings.read(Settings)


@lru_cache(maxsize=2)
def _stored(_seconds: int, _period: int) -> str | None:
    """The keys, read once in a period of so many seconds: guessing keys causes no further calls."""
    return read_api_keys(_settings())


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """An HTTP API authorizer request, payload 2.0 → a simple response with the key's holder in its context."""
    scheme, _, key = event.get("headers", {}).get("authorization", "").partition(" ")
    holder = _holder(key.strip()) if scheme.lower() == "bearer" else None
    return {"isAuthorized": True, "context": asdict(holder) if holder else {"owner": ""}}


def _holder(key: str) -> Holder | None:
    at = time.monotonic()
    holder = holder_of(key, _stored(REMEMBER_SECONDS, int(at / REMEMBER_SECONDS)), now())
    if holder is None and is_key(key):  # it may be newer than what is remembered
        holder = holder_of(key, _stored(RETRY_SECONDS, int(at / RETRY_SECONDS)), now())
    return holder
