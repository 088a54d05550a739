"""The provider's API key: remembered for a while, and read anew when it is rejected."""

import re
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import ProviderKeyMissing, ProviderKeyRejected, ProviderUnavailable
from core.secrets import secret_text

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEY = re.compile(r"[!-~]{1,512}")  # what may stand in a header, without spaces


class ProviderKey:
    """The provider's key as `core.provider.client.Key`; one object lives as long as the function's warm environment."""

    def __init__(self, secrets: "SecretsManagerClient", secret: str) -> None:
        self._secrets = secrets
        self._secret = secret
        self._key: str | None = None

    def get(self) -> str:
        """The key; `ProviderKeyMissing` if none is stored."""
        if self._key is None:
            self.renew()
        if self._key is None:
            raise ProviderKeyMissing("No API key of the provider is stored: store one in the secret, then try again.")
        return self._key

    def renew(self) -> bool:
        """Read the key afresh, after the provider rejected the one in hand; whether there is another one now.

        `ProviderUnavailable` if it cannot be read: nothing was sent with it, so trying again is safe.
        """
        before = self._key
        try:
            stored = secret_text(self._secrets, self._secret)
        except (BotoCoreError, ClientError) as error:
            raise ProviderUnavailable(f"The provider's key could not be read: {type(error).__name__}.") from error
        if stored is not None and not KEY.fullmatch(stored):  # a client would show it, refusing it as a header
            raise ProviderKeyRejected("The stored key of the provider is none: store it again, on one line.")
        self._key = stored
        return self._key is not None and self._key != before
