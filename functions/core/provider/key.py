"""The provider's API key: remembered for a while, and read again when the provider rejects it."""

import re

from core.errors import ProviderKeyMissing, ProviderKeyRejected, ProviderUnavailable
from core.secrets import Secret, SecretUnavailable

KEY = re.compile(r"[!-~]{1,512}")  # all that a header may hold, without spaces


class ProviderKey:
    """The provider's key as `core.provider.client.Key`; one object lives as long as the function's warm environment."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._key: str | None = None

    def get(self) -> str:
        """Return the key.

        Raises `ProviderKeyMissing` if none is stored, `ProviderKeyRejected` if the stored one is not valid, and
        `ProviderUnavailable` if Secrets Manager fails: nothing was sent, so trying again is safe.
        """
        key = self._read()
        if key is None or not KEY.fullmatch(key):  # storing a valid one must help at once
            key = self._read(force_fetch=True)
        if key is None:
            raise ProviderKeyMissing("No API key of the provider is stored: store one in the secret, then try again.")
        self._key = _valid(key)
        return self._key

    def renew(self) -> bool:
        """Read the key again after the provider rejected the one from `get`; return whether it is another one now.

        Raises as `get` does.
        """
        rejected, key = self._key, self._read(force_fetch=True)
        self._key = None if key is None else _valid(key)
        return self._key is not None and self._key != rejected

    def _read(self, *, force_fetch: bool = False) -> str | None:
        try:
            return self._secret.text(force_fetch=force_fetch)
        except SecretUnavailable as error:
            raise ProviderUnavailable(f"The provider's key could not be read: {error}.") from error


def _valid(key: str) -> str:
    """Return the key, or raise `ProviderKeyRejected`: an HTTP client would show it in the error it raises."""
    if not KEY.fullmatch(key):
        raise ProviderKeyRejected("The stored key of the provider is none: store it again, on one line.")
    return key
