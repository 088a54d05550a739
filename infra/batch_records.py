"""Create the table of batches, which core/batches/table.py uses."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from core.records import table as names
from infra.config import Stage
from infra.functions import allow
from infra.table import Keys, table


class BatchRecords:
    """The `table`, and the environment and permissions of the functions that use it."""

    def __init__(self, scope: Construct, stage: Stage, removal: cdk.RemovalPolicy) -> None:
        self.table = table(scope, "Batches", stage, removal, Keys(names.BATCH_KEY, indexes=(names.BATCHES_BY_OWNER,)))

    @property
    def environment(self) -> dict[str, str]:
        """Return the variable with the name of the table."""
        return {"BATCHES_TABLE_NAME": self.table.table_name}

    def permissions(self, *actions: str, lists: bool = False) -> list[iam.PolicyStatement]:
        """Allow reading a batch by its id and `actions`, and with `lists` listing an owner's batches."""
        listing = [allow("dynamodb:Query", on=f"{self.table.table_arn}/index/{names.BATCHES_BY_OWNER.name}")]
        asked = ("dynamodb:GetItem", *(f"dynamodb:{action}" for action in actions))
        return [allow(*asked, on=self.table.table_arn), *(listing if lists else [])]
