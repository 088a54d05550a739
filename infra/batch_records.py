"""The table of batches, as core/records/batches.py keeps it."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from core.records import table as names
from infra.config import Stage
from infra.functions import allow
from infra.table import Keys, table


class BatchRecords:
    """`table`, and what a function is told and allowed that uses it."""

    def __init__(self, scope: Construct, stage: Stage, removal: cdk.RemovalPolicy) -> None:
        self.table = table(scope, "Batches", stage, removal, Keys(names.BATCH_KEY, indexes=(names.BATCHES_BY_OWNER,)))

    @property
    def environment(self) -> dict[str, str]:
        """Where the table is."""
        return {"BATCHES_TABLE_NAME": self.table.table_name}

    def permissions(self, *actions: str, lists: bool = False) -> list[iam.PolicyStatement]:
        """To read a batch by its id and to do `actions`; to list an owner's, if told."""
        listing = [allow("dynamodb:Query", on=f"{self.table.table_arn}/index/{names.BATCHES_BY_OWNER.name}")]
        asked = ("dynamodb:GetItem", *(f"dynamodb:{action}" for action in actions))
        return [allow(*asked, on=self.table.table_arn), *(listing if lists else [])]
