"""The table of webhooks' deliveries, as core/webhooks/records.py keeps it, and the secret of which secrets are made."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from core.records import table as names
from infra.config import Stage
from infra.functions import allow
from infra.table import Keys, table


class WebhookRecords:
    """`table`, and what a function is told and allowed that uses it."""

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
        """Where they are."""
        return {"WEBHOOKS_TABLE_NAME": self.table.table_name, "WEBHOOKS_SECRET": self._secret.attr_id}

    def permissions(self, *, lists: bool = False) -> list[iam.PolicyStatement]:
        """To read and change deliveries by their ids, and to sign; to list an owner's, if told."""
        actions = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        actions += ["dynamodb:BatchGetItem"] if lists else []
        index = f"{self.table.table_arn}/index/{names.DELIVERIES_BY_OWNER.name}"
        return [
            allow(*actions, on=self.table.table_arn),
            *([allow("dynamodb:Query", on=index)] if lists else []),
            allow("secretsmanager:GetSecretValue", on=self._secret.attr_id),
        ]
