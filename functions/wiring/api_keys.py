"""The keys of the HTTP API, as they are stored."""

from dataclasses import dataclass

import wiring
from core.secrets import secret_text


@dataclass(frozen=True)
class UsesApiKeys:
    api_keys_secret: str


def read_api_keys(settings: UsesApiKeys) -> str | None:
    """The secret's text, None if there is none: core.api.api_keys knows its form."""
    return secret_text(wiring.client("secretsmanager"), settings.api_keys_secret)
