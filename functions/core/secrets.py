"""Secrets Manager."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def secret_text(secrets: "SecretsManagerClient", secret: str) -> str | None:
    """The current text of a secret without white space around it, None if none was stored yet."""
    try:
        return secrets.get_secret_value(SecretId=secret)["SecretString"].strip() or None
    except secrets.exceptions.ResourceNotFoundException:
        return None
