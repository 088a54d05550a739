"""The provider, with the key that is stored for it."""

from dataclasses import dataclass

import wiring
from core.provider.client import Provider
from core.provider.key import ProviderKey


@dataclass(frozen=True)
class UsesProvider:
    provider_url: str
    provider_key_secret: str


def make_provider(settings: UsesProvider) -> Provider:
    """The provider's account."""
    key = ProviderKey(wiring.client("secretsmanager"), settings.provider_key_secret)
    return Provider(settings.provider_url, key)
