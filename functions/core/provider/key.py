"""Cache the provider's API key, and read it again when the provider rejects it."""

import re

from core.errors import ProviderKeyMissing, ProviderKeyRejected, ProviderUnavailable
from core.secrets import Secret, SecretUnavailable

KEY = re.compile(r"[!-~]{1,512}")  # the characters that a header may contain, without spaces


class ProviderKey:
    """A `core.provider.client.Key`. An object lives as long as the function's warm environment."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._key: str | None = None

    def get(self) -> str:
        """Return the key.

        Raise `ProviderKeyMissing` if none is stored, `ProviderKeyRejected` if the stored one is not valid, and
        `ProviderUnavailable` if Secrets Manager fails: nothing was sent, so trying again is safe.
        """
        key = self._read()
        if key is None or not KEY.fullmatch(key):  # a valid one may have been stored since then
            key = self._read(force_fetch=True)
        if key is None:
            raise ProviderKeyMissing("No API key for the provider is stored. Store one with `promptreel secret set`.")
        self._key = _valid(key)
        return self._key

    def renew(self) -> bool:
        """Read the key again after the provider rejected the one from `get`. Return whether it has changed.

        Raise the same errors as `get`.
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
    """Return the key, or raise `ProviderKeyRejected`, because an HTTP client would show an invalid key in its error."""
    if not KEY.fullmatch(key):
        raise ProviderKeyRejected(
            "The stored provider key is not valid. Store it again as a single line: `promptreel secret set`."
        )
    return key
