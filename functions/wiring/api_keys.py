"""The stored keys of the HTTP API."""

from dataclasses import dataclass

from core.secrets import Secret
from wiring.secrets import CachedSecret


@dataclass(frozen=True)
class UsesApiKeys:
    api_keys_secret: str


def make_api_keys(settings: UsesApiKeys, seconds: int) -> Secret:
    """Return the secret that holds the keys, remembered for `seconds`; core.api.api_keys knows its form."""
    return CachedSecret(settings.api_keys_secret, seconds)
