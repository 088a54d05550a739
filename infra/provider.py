"""Give functions the provider's URL and access to the secret with its key."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from infra.functions import allow


class Provider:
    """The environment and permissions of the functions that call the provider."""

    def __init__(self, url: str, key: secretsmanager.CfnSecret) -> None:
        self._url = url
        self._key = key

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables with the provider's URL and the ARN of its key."""
        return {"PROVIDER_URL": self._url, "PROVIDER_KEY_SECRET": self._key.attr_id}

    @property
    def permissions(self) -> list[iam.PolicyStatement]:
        """Allow reading the provider's key."""
        return [allow("secretsmanager:GetSecretValue", on=self._key.attr_id)]
