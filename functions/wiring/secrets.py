"""Secrets, read from Secrets Manager with Powertools' Parameters."""

from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.parameters import GetParameterError, SecretsProvider

import wiring
from core.secrets import SecretUnavailable


class _Provider(SecretsProvider):
    """Reads a secret without a value as an empty text, so that this is remembered like any other value."""

    def _get(self, name: str, **sdk_options: Any) -> str | bytes:
        try:
            return super()._get(name, **sdk_options)
        except self.client.exceptions.ResourceNotFoundException:
            return ""


class CachedSecret:
    """A `core.secrets.Secret` that is read again when it is older than `seconds`."""

    def __init__(self, name: str, seconds: int) -> None:
        self._name = name
        self._seconds = seconds

    def text(self, *, force_fetch: bool = False) -> str | None:
        """Return the secret's text as described at `Secret.text`."""
        try:
            found = self._provider.get(self._name, max_age=self._seconds, force_fetch=force_fetch)
        except GetParameterError as error:  # its own text only repeats that of its cause
            raise SecretUnavailable(type(error.__context__).__name__) from error
        return str(found).strip() or None

    @cached_property
    def _provider(self) -> _Provider:
        """Return the provider of secrets, which is made at its first use, because it makes an AWS client."""
        return _Provider(boto3_client=wiring.client("secretsmanager"))
