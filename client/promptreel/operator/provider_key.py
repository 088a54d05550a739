"""The provider's API key, in the secret that the functions read it from."""

from core.secrets import secret_text
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


def is_stored(deployment: Deployment) -> bool:
    """Whether there is one; it is not checked with the provider."""
    secrets = deployment.client("secretsmanager")
    return secret_text(secrets, deployment.output("ProviderKeySecretArn")) is not None
