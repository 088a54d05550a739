"""The stored keys of the HTTP API."""

from dataclasses import dataclass

from core.secrets import Secret
from wiring.secrets import CachedSecret


@dataclass(frozen=True)
class UsesApiKeys:
    api_keys_secret: str


def make_api_keys(settings: UsesApiKeys, seconds: int) -> Secret:
    """Return the secret with the keys, remembered for `seconds`. core.api.api_keys defines its format."""
    return CachedSecret(settings.api_keys_secret, seconds)
