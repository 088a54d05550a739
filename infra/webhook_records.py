"""Create the table of webhook deliveries (core/webhooks/records.py), and give access to the signing secret."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from core.records import table as names
from infra.config import Stage
from infra.functions import allow
from infra.table import Keys, table


class WebhookRecords:
    """The `table`, and the environment and permissions of the functions that use it."""

    def __init__(
        self, scope: Construct, stage: Stage, removal: cdk.RemovalPolicy, secret: secretsmanager.CfnSecret
    ) -> None:
        self._secret = secret
        self.table = table(
            scope,
            "Webhooks",
            stage,
            removal,
            Keys(
                partition=names.DELIVERY_KEY,
                expires_at=names.EXPIRES_AT,
                indexes=(names.DELIVERIES_BY_OWNER,),
            ),
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables with the table and the secret."""
        return {"WEBHOOKS_TABLE_NAME": self.table.table_name, "WEBHOOKS_SECRET": self._secret.attr_id}

    def permissions(self, *, lists: bool = False) -> list[iam.PolicyStatement]:
        """Allow reading and changing deliveries by id, signing, and with `lists` listing an owner's."""
        actions = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        actions += ["dynamodb:BatchGetItem"] if lists else []
        index = f"{self.table.table_arn}/index/{names.DELIVERIES_BY_OWNER.name}"
        return [
            allow(*actions, on=self.table.table_arn),
            *([allow("dynamodb:Query", on=index)] if lists else []),
            allow("secretsmanager:GetSecretValue", on=self._secret.attr_id),
        ]
