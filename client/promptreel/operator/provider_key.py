"""The provider's API key, in the secret that the functions read it from."""

from dataclasses import dataclass
from typing import Any

from core.provider.client import Provider
from core.provider.key import ProviderKey
from promptreel.errors import PromptreelError
from promptreel.operator.deployment import Deployment


def store(deployment: Deployment, key: str) -> None:
    """Replace the key; running jobs take the new one by themselves."""
    key = key.strip()
    if not key:
        raise PromptreelError("No key was given, so nothing was stored.")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise PromptreelError("That is no key: it holds spaces or special characters; nothing was stored.")
    deployment.client("secretsmanager").put_secret_value(
        SecretId=deployment.output("ProviderKeySecretArn"), SecretString=key
    )


@dataclass(frozen=True)
class _Stored:
    """Reads the stored key with the operator's credentials (core.secrets.Secret)."""

    secrets: Any
    arn: str

    def text(self, *, force_fetch: bool = False) -> str | None:  # noqa: ARG002 - nothing is remembered
        """Return the key, or None if no key is stored."""
        try:
            return str(self.secrets.get_secret_value(SecretId=self.arn)["SecretString"]).strip() or None
        except self.secrets.exceptions.ResourceNotFoundException:
            return None


def try_it(deployment: Deployment) -> None:
    """Ask the provider whether it knows the stored key, which costs nothing and shows nothing of it.

    Raises what is wrong, of core.errors: `ProviderKeyMissing`, `ProviderKeyRejected`, `ProviderOutOfCredits`,
    `ProviderUnavailable`.
    """
    key = ProviderKey(_Stored(deployment.client("secretsmanager"), deployment.output("ProviderKeySecretArn")))
    Provider(deployment.output("ProviderUrl"), key).try_key()
