"""Create the table of generations, which core/records/table.py describes."""

from collections.abc import Collection

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from core.records import table as names
from infra.config import Stage
from infra.functions import allow
from infra.table import Keys, table


class Ledger:
    """The `table`, and the environment and permissions of the functions that use it."""

    def __init__(self, scope: Construct, stage: Stage, removal: cdk.RemovalPolicy) -> None:
        self.table = table(
            scope,
            "Generations",
            stage,
            removal,
            Keys(
                partition=names.KEY,
                expires_at=names.EXPIRES_AT,  # set only on markers and on the tombstones of deleted generations
                indexes=tuple(names.INDEXES),
            ),
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return the variable with the name of the table."""
        return {"TABLE_NAME": self.table.table_name}

    def permissions(
        self,
        *,
        gets: bool = True,
        changes: bool = True,
        adds: bool = False,
        finds: bool = False,
        reads: Collection[names.Index] = (),
    ) -> list[iam.PolicyStatement]:
        """Allow getting and changing a generation by its id by default. Also allow adding one, finding many by their
        ids, and reading indexes if the arguments say so."""
        actions = ["dynamodb:GetItem"] if gets else []
        actions += ["dynamodb:BatchGetItem"] if finds else []
        actions += ["dynamodb:PutItem"] if adds else []
        actions += ["dynamodb:UpdateItem"] if changes else []
        indexes = [allow("dynamodb:Query", on=f"{self.table.table_arn}/index/{index.name}") for index in reads]
        return [allow(*actions, on=self.table.table_arn), *indexes]
