"""Create the table of the provider's slots, which core/slots/table.py describes."""

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
    """The `table`, and the environment and permissions of the functions that admit generations to the provider."""

    def __init__(self, scope: Construct, stage: Stage, removal: cdk.RemovalPolicy, ledger: Ledger) -> None:
        self._stage = stage
        self._ledger = ledger
        self.table = table(scope, "Slots", stage, removal, Keys(names.PK, names.SK, expires_at=EXPIRES_AT))

    @property
    def learned_environment(self) -> dict[str, str]:
        """Return the variable of the table with the learned durations and the queue."""
        return {"SLOTS_TABLE_NAME": self.table.table_name}

    @property
    def reads_learned(self) -> iam.PolicyStatement:
        """Allow reading the learned durations and costs of a request."""
        return allow("dynamodb:GetItem", on=self.table.table_arn)

    @property
    def lists(self) -> iam.PolicyStatement:
        """Allow reading the learned durations of all models, the slots and the queue."""
        return allow("dynamodb:Query", on=self.table.table_arn)

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables of the functions that admit generations to the provider."""
        return {
            **self.shown_environment,
            "TRY_SECONDS": str(self._stage.try_seconds),
            "CREDITS_DEADLINE_SECONDS": str(self._stage.credits_deadline_seconds),
        }

    @property
    def shown_environment(self) -> dict[str, str]:
        """Return the variables with the tables of slots and generations, and the number of slots."""
        return {
            **self._ledger.environment,
            **self.learned_environment,
            "IN_FLIGHT_LIMIT": str(self._stage.slots),
        }

    @property
    def permissions(self) -> list[iam.PolicyStatement]:
        """Allow waiting for a slot, granting it and returning it. infra/workflow.py allows waking waiting workflows."""
        actions = ("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem")
        return [
            *self._ledger.permissions(),
            allow(*(f"dynamodb:{action}" for action in actions), on=self.table.table_arn),
        ]
