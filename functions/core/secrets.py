"""The secrets that core reads; wiring/secrets.py reads them from Secrets Manager."""

from typing import Protocol


class SecretUnavailable(Exception):
    """Secrets Manager did not return the secret. The message names the cause and contains no secrets."""


class Secret(Protocol):
    """The text of one secret, cached for a while."""

    def text(self, *, force_fetch: bool = False) -> str | None:
        """Return the text without surrounding white space, or None if no value is stored.

        `force_fetch` reads it again even if it is cached. Raise `SecretUnavailable` if it cannot be read.
        """
