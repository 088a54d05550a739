"""Open the hold of a request when it is accepted, and close it when the request has ended."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from core.generation import Clock, Cost, Generation
from core.hold import Hold
from core.learned.records import Learned
from core.money.budgets import Budgets, Limits, scopes_of
from core.money.estimates import Estimates
from core.money.prices import Prices
from core.money.usage import Usage, counted
from core.records.table import Others, Together

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

    def cost_of(self, request: Mapping[str, Any], models: "Models", owner: str) -> Cost:
        """Return the expected cost of an owner's valid request."""
        estimate = self.estimates.of(request, models, owner)
        return Cost(estimated=estimate.credits, most=estimate.most, basis=estimate.basis)

    def opening(self, generation: Generation, key_line: str | None) -> Others:
        """Return the writes that open a hold for a generation's possible cost, and count it as a job.

        They belong in the transaction that records or reopens the generation, and raise `BudgetExceeded`. The budget of
        `key_line`, a line of API keys, counts it.
        """
        closed = replace(_hold_of(generation), scopes=scopes_of(generation.owner, key_line))
        most = generation.cost.most if generation.cost else 0

        def opening() -> Together:
            hold, updates = self.budgets.open(closed, most)
            return Together({"hold": asdict(hold)}, updates)

        return opening

    def closing(self, generation: Generation) -> Others:
        """Return the writes that close the hold of a generation that has ended, and count its cost.

        They belong in the transaction that records the announcement.
        """
        before, now = _hold_of(generation), counted(generation)

        def closing() -> Together:
            hold, updates = self.budgets.close(before, now.credits)
            sums = self.usage.updates(generation, before.counted, now)
            return Together({"hold": asdict(replace(hold, counted=now))}, [*updates, *sums])

        return closing


def _hold_of(generation: Generation) -> Hold:
    """Return the hold of a generation, which is empty for a request that was rejected."""
    return generation.hold or Hold(scopes_of(generation.owner, None))
