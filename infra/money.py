"""Create the table of money, which core/money/table.py describes."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from core.money import CREDITS_PER_USD
from core.money import table as names
from infra.config import Stage
from infra.functions import allow
from infra.slots import Slots
from infra.table import Keys, table


class Money:
    """The `table`, and the environment and permissions of the functions that reserve or count money."""

    def __init__(self, scope: Construct, stage: Stage, removal: cdk.RemovalPolicy, slots: Slots) -> None:
        self._stage = stage
        self._slots = slots
        self.table = table(scope, "Money", stage, removal, Keys(names.PK, names.SK))

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables for budgets and sums, with the stage's default budgets."""
        usd = {"day": self._stage.budget_day_usd, "month": self._stage.budget_month_usd}
        limits = {name: round(amount * CREDITS_PER_USD) for name, amount in usd.items() if amount is not None}
        if self._stage.jobs_an_hour is not None:
            limits["hour"] = self._stage.jobs_an_hour
        return {
            "MONEY_TABLE_NAME": self.table.table_name,
            **self._slots.learned_environment,
            "BUDGETS": ",".join(f"{name}={limit}" for name, limit in limits.items()),
            "RESERVE_CREDITS": str(round(self._stage.reserve_usd * CREDITS_PER_USD)),
        }

    @property
    def checks_budgets(self) -> iam.PolicyStatement:
        """Allow reading whether a budget is exceeded, and recording that it is."""
        return allow("dynamodb:BatchGetItem", "dynamodb:UpdateItem", on=self.table.table_arn)

    @property
    def settles(self) -> iam.PolicyStatement:
        """Allow counting the cost of a generation that has ended."""
        return allow("dynamodb:BatchGetItem", "dynamodb:UpdateItem", on=self.table.table_arn)

    @property
    def holds(self) -> list[iam.PolicyStatement]:
        """Allow estimating the cost of a request, and reserving and counting it."""
        actions = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:UpdateItem")
        return [allow(*actions, on=self.table.table_arn), self._slots.reads_learned]

    @property
    def reads(self) -> iam.PolicyStatement:
        """Allow reading sums and all budgets."""
        return allow("dynamodb:Query", on=self.table.table_arn)

    @property
    def keeps_prices(self) -> iam.PolicyStatement:
        """Allow storing the provider's prices."""
        actions = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")
        return allow(*actions, on=self.table.table_arn)
