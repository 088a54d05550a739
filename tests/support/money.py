"""Set up accounts in the table `money`, as a deployment has them, and generations that cost money."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from core import generation as domain
from core.generation import Cost, Failure, Generation
from core.money.accounts import Accounts, Tables
from core.money.budgets import ALL, SCOPE, Limits, Used
from core.money.circuit import Circuit
from core.money.table import items_of
from core.records.ledger import Ledger
from tests.support.generations import Clock, archived, claimed, generation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

USD = 2_000_000  # credits
TODAY, TOMORROW = date(2026, 1, 1), date(2026, 1, 2)
RESERVE = 5 * USD


def accounts(dynamodb: "DynamoDBClient", now: domain.Clock, limits: Limits | None = None) -> Accounts:
    """Return the accounts of a deployment with these limits. A request without a known price holds 5 USD."""
    return Accounts.at(dynamodb, Tables("money", "slots"), now, limits or Limits(), RESERVE)


def circuit(dynamodb: "DynamoDBClient", now: domain.Clock) -> Circuit:
    """Return a circuit, which is closed until something opens it."""
    return Circuit(dynamodb, "money", now, 60)


class Bank:
    """Accounts with a ledger. A generation costs a dollar by default."""

    def __init__(self, dynamodb: "DynamoDBClient", limits: Limits) -> None:
        self.clock = Clock()
        self.dynamodb = dynamodb
        self.accounts = accounts(dynamodb, self.clock, limits)
        self.ledger = Ledger(dynamodb, "generations", self.clock)

    def accept(
        self, name: str, usd: float = 1, *, owner: str = "ann", key_line: str | None = None, **more: Any
    ) -> Generation:
        """Record a request that may cost `usd`."""
        cost, now = Cost(round(usd * USD), round(usd * USD), "price"), self.clock.time
        new = generation(name, owner=owner, created_at=now, updated_at=now, cost=cost, **more)
        self.ledger.add(new, self.accounts.opening(new, key_line))
        return self.ledger.get(name)

    def make(self, name: str, usd: float | None = 1) -> None:
        """Complete a generation that has cost `usd`."""
        run = self.ledger.get(name).run
        claimed(self.ledger, run).submitted(name)
        self.ledger.provider_finished(run, {"url": "x"}, None if usd is None else round(usd * USD))
        self.ledger.complete(run, archived(name), self.clock.time)
        self.announce(name)

    def fail(self, name: str, error: str = "GenerationFailed") -> None:
        self.ledger.fail(self.ledger.get(name).run, Failure(error, "no"))
        self.announce(name)

    def announce(self, name: str) -> None:
        found = self.ledger.get(name)
        self.ledger.announced(found, self.accounts.closing(found))

    def retry(self, name: str, key_line: str | None = None) -> bool:
        """Run a failed generation again that the provider does not have, as the retry of a batch does."""
        failed = self.ledger.get(name)
        return self.ledger.reopen(failed, None, opening=self.accounts.opening(failed, key_line))

    @contextmanager
    def interrupted(self, meanwhile: Callable[[], object]) -> Iterator[None]:
        """Do something between the reads and the write of the next transaction."""
        table: Any = self.dynamodb
        original = table.transact_write_items

        def first(**asked: Any) -> Any:
            table.transact_write_items = original
            meanwhile()
            return original(**asked)

        table.transact_write_items = first
        try:
            yield
        finally:
            table.transact_write_items = original

    def watched(self, seconds: float) -> list[str]:
        """Return the generations that a sweep checks after some time."""
        self.clock.forward(seconds)
        return list(self.ledger.watched())

    def held(self, *names: str) -> dict[str, dict[str, int]]:
        """Return the sums of what these generations count in budgets, by scope and period."""
        sums: dict[str, Counter[str]] = {}
        for name in names:
            hold = self.ledger.get(name).hold
            for scope, counted in hold.counts.items() if hold else ():
                sums.setdefault(scope, Counter()).update(counted)
        return {scope: dict(counted) for scope, counted in sums.items()}

    def adds_up(self, *names: str) -> bool:
        """Return whether every budget counts in its day and month what these generations hold there."""
        held = self.held(*names)
        items = {item["sk"]: Used.of(item) for item in items_of(self.dynamodb, "money", SCOPE)}
        return all(
            counted == held.get(scope, {}).get(period, 0)
            for scope, used in items.items()
            for period, counted in ((used.day, used.day_credits), (used.month, used.month_credits))
        )

    def spent(self, scope: str = ALL) -> tuple[float, float, int]:
        """Return what was spent today and this month, and the number of jobs in this hour."""
        budget = next((one for one in self.accounts.budgets.every() if one.scope == scope), None)
        if budget is None:
            return 0, 0, 0
        return budget.used.day_credits / USD, budget.used.month_credits / USD, budget.used.hour_jobs

    def sums(self, by: str = "model", owner: str = "ann") -> list[tuple[str, str, int, int, float]]:
        found = self.accounts.usage.of(owner, by, TODAY, TOMORROW)
        return [(one.day, one.which, one.completed, one.failed, one.credits / USD) for one in found]

    def errors(self, by: str = "model") -> dict[str, int]:
        """Return the errors of the first day."""
        [sums] = self.accounts.usage.of("ann", by, TODAY, TODAY)
        return dict(sums.errors)
