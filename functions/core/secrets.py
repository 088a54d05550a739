"""Secrets Manager: the provider's API key, remembered for a while and renewed when it is rejected."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import ProviderKeyMissing, ProviderUnavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def secret_text(secrets: "SecretsManagerClient", secret: str) -> str | None:
    """The current text of a secret without white space around it, None if none was stored yet."""
    try:
        return secrets.get_secret_value(SecretId=secret)["SecretString"].strip() or None
    except secrets.exceptions.ResourceNotFoundException:
        return None


class ProviderKey:
    """The provider's key as `core.provider.Key`; one object lives as long as the function's warm environment."""

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
            self._key = secret_text(self._secrets, self._secret)
        except (BotoCoreError, ClientError) as error:
            raise ProviderUnavailable(f"The provider's key could not be read: {error}") from error
        return self._key is not None and self._key != before
