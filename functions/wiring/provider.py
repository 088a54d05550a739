"""The provider, with its stored key."""

from dataclasses import dataclass

from core.provider.client import Provider
from core.provider.key import ProviderKey
from wiring.secrets import CachedSecret

KEY_SECONDS = 3600  # how long the key is remembered, unless the provider rejects it


@dataclass(frozen=True)
class UsesProvider:
    provider_url: str
    provider_key_secret: str


def make_provider(settings: UsesProvider) -> Provider:
    """Return the provider's account."""
    return Provider(settings.provider_url, ProviderKey(CachedSecret(settings.provider_key_secret, KEY_SECONDS)))
