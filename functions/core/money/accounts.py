"""Hold the possible cost of a request when it is accepted, and count its actual cost when it has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.generation import Clock, Cost, Generation, iso
from core.learned.records import Learned
from core.money.budgets import Budgets, Limits
from core.money.estimates import Estimate, Estimates
from core.money.prices import Prices
from core.money.usage import Usage, counted
from core.records.table import Updates

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from core.models import Models


@dataclass(frozen=True)
class Tables:
    """The names of the tables that accounts need."""

    money: str
    slots: str


@dataclass(frozen=True)
class Accounts:
    """Estimates, budgets and sums."""

    estimates: Estimates
    budgets: Budgets
    usage: Usage

    @classmethod
    def at(cls, dynamodb: "DynamoDBClient", tables: Tables, now: Clock, limits: Limits, reserve: int) -> "Accounts":
        """Return the accounts in these tables. `limits` and `reserve` are the stage's."""
        estimates = Estimates(Prices(dynamodb, tables.money, now), Learned(dynamodb, tables.slots), reserve)
        return cls(estimates, Budgets(dynamodb, tables.money, limits, now), Usage(dynamodb, tables.money))

    def cost_of(self, request: Mapping[str, Any], models: "Models", owner: str, key_id: str | None = None) -> Cost:
        """Return the expected cost of an owner's valid request."""
        return as_cost(self.estimates.of(request, models, owner), key_id)

    def hold(self, cost: Cost, owner: str) -> tuple[Cost, Updates]:
        """Return the cost with the amount held from today on, and the updates that hold it.

        The updates belong in the transaction that records the request.
        """
        held = replace(cost, held=cost.most, day=iso(self.budgets.now())[:10])
        return held, self.budgets.holding(held, owner)

    def settle(self, generation: Generation) -> tuple[Cost | None, Updates]:
        """Return the cost of a generation that has ended, and the updates that count it."""
        charged = generation.charged
        now = counted(generation, charged)
        cost = generation.cost or Cost(estimated=charged, most=charged, basis="")
        giving_back = self.budgets.settling(cost, generation.owner, charged)
        sums = self.usage.updates(generation, now)
        return replace(cost, held=charged, counted=now), lambda: [*giving_back(), *sums]


def as_cost(estimate: Estimate, key_id: str | None) -> Cost:
    """Return an estimate in the form of the record."""
    return Cost(estimated=estimate.credits, most=estimate.most, basis=estimate.basis, key_id=key_id)
