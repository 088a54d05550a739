"""Store and test the provider's API key, which the functions read from a secret."""

from dataclasses import dataclass
from typing import Any

from core.provider.client import Provider
from core.provider.key import ProviderKey
from promptreel.errors import PromptreelError
from promptreel.operator.deployment import Deployment


def store(deployment: Deployment, key: str) -> None:
    """Replace the key. Running jobs will use the new key automatically."""
    key = key.strip()
    if not key:
        raise PromptreelError("Nothing was stored because the key is empty: enter the key.")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise PromptreelError(
            "Nothing was stored because the key contains spaces or special characters: copy it again."
        )
    deployment.client("secretsmanager").put_secret_value(
        SecretId=deployment.output("ProviderKeySecretArn"), SecretString=key
    )


@dataclass(frozen=True)
class _Stored:
    """The stored key, read with the operator's credentials; implements core.secrets.Secret."""

    secrets: Any
    arn: str

    def text(self, *, force_fetch: bool = False) -> str | None:  # noqa: ARG002 - nothing is cached
        """Return the key, or None if none is stored."""
        try:
            return str(self.secrets.get_secret_value(SecretId=self.arn)["SecretString"]).strip() or None
        except self.secrets.exceptions.ResourceNotFoundException:
            return None


def try_it(deployment: Deployment) -> None:
    """Test the stored key with a free request to the provider. The key is not shown.

    Raise an error of core.errors: `ProviderKeyMissing`, `ProviderKeyRejected`, `ProviderOutOfCredits` or
    `ProviderUnavailable`.
    """
    provider(deployment).try_key()


def provider(deployment: Deployment) -> Provider:
    """Return the provider with the stored key."""
    key = ProviderKey(_Stored(deployment.client("secretsmanager"), deployment.output("ProviderKeySecretArn")))
    return Provider(deployment.output("ProviderUrl"), key)
