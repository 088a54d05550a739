"""The table of slots at the provider, as core/slots/table.py names it."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from core.records.table import EXPIRES_AT
from core.slots import table as names
from infra.config import Stage
from infra.functions import allow
from infra.ledger import Ledger
from infra.table import Keys, table


class Slots:
    """`table`, and what a function is told and allowed that lets generations to the provider."""

    def __init__(self, scope: Construct, stage: Stage, removal: cdk.RemovalPolicy, ledger: Ledger) -> None:
        self._limit = stage.in_flight_limit
        self._ledger = ledger
        self.table = table(scope, "Slots", stage, removal, Keys(names.PK, names.SK, expires_at=EXPIRES_AT))

    @property
    def learned_environment(self) -> dict[str, str]:
        """Where it is that is learned how long generations take, and who waits."""
        return {"SLOTS_TABLE_NAME": self.table.table_name}

    @property
    def reads_learned(self) -> iam.PolicyStatement:
        """To read how long generations take, and who waits."""
        return allow("dynamodb:Query", on=self.table.table_arn)

    @property
    def environment(self) -> dict[str, str]:
        """Where slots and generations are, and how many slots there are."""
        return {
            **self._ledger.environment,
            **self.learned_environment,
            "IN_FLIGHT_LIMIT": str(self._limit),
        }

    @property
    def permissions(self) -> list[iam.PolicyStatement]:
        """To wait for a slot, to give it out, and to give it back. (To answer who waits: infra/workflow.py.)"""
        actions = ("dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")
        return [*self._ledger.permissions(), allow(*actions, on=self.table.table_arn)]
