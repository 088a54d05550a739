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
        self.table = table(
            scope,
            "Batches",
            stage,
            removal,
            Keys(names.BATCH_KEY, expires_at=names.EXPIRES_AT, indexes=(names.BATCHES_BY_OWNER,)),
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return the variable with the name of the table."""
        return {"BATCHES_TABLE_NAME": self.table.table_name}

    def rejecting(self, stage: Stage) -> dict[str, str]:
        """Return the environment of a function that rejects rows."""
        return {**self.environment, "REJECTED_ROWS_AN_HOUR": str(stage.rejected_rows_an_hour)}

    def permissions(self, *actions: str, lists: bool = False) -> list[iam.PolicyStatement]:
        """Allow `actions` and reading items by their keys. With `lists`, also allow listing an owner's batches."""
        listing = [allow("dynamodb:Query", on=f"{self.table.table_arn}/index/{names.BATCHES_BY_OWNER.name}")]
        asked = ("dynamodb:GetItem", "dynamodb:BatchGetItem", *(f"dynamodb:{action}" for action in actions))
        return [allow(*asked, on=self.table.table_arn), *(listing if lists else [])]
