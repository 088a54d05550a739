"""The stored keys of the HTTP API."""

from dataclasses import dataclass

import wiring
from core.api.api_keys import KnownKeys
from core.secrets import Secret
from wiring.secrets import CachedSecret

REMEMBER_SECONDS = 30  # with the gateway's 240 s, a revoked or expired key stops working within five minutes


@dataclass(frozen=True)
class UsesApiKeys:
    api_keys_secret: str


def make_known_keys(settings: UsesApiKeys) -> KnownKeys:
    """Return the keys, to find the holder of one."""
    return KnownKeys(make_api_keys(settings, REMEMBER_SECONDS), wiring.now)


def make_api_keys(settings: UsesApiKeys, seconds: int) -> Secret:
    """Return the secret with the keys, remembered for `seconds`. core.api.api_keys defines its format."""
    return CachedSecret(settings.api_keys_secret, seconds)
