"""The provider: where it is, and the secret that holds its key."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from infra.functions import allow


class Provider:
    """What a function is told and allowed that asks the provider."""

    def __init__(self, url: str, key: secretsmanager.CfnSecret) -> None:
        self._url = url
        self._key = key

    @property
    def environment(self) -> dict[str, str]:
        """Where it is, and where its key is."""
        return {"PROVIDER_URL": self._url, "PROVIDER_KEY_SECRET": self._key.attr_id}

    @property
    def permissions(self) -> list[iam.PolicyStatement]:
        """To read its key."""
        return [allow("secretsmanager:GetSecretValue", on=self._key.attr_id)]
