"""The cost of videos: estimates, budgets and sums."""

from dataclasses import dataclass

import wiring
from core.money.accounts import Accounts, Tables
from core.money.budgets import Limits
from core.money.prices import Prices
from wiring.learned import UsesLearned


@dataclass(frozen=True)
class UsesMoney:
    money_table_name: str


@dataclass(frozen=True)
class UsesAccounts(UsesMoney, UsesLearned):
    budgets: tuple[str, ...]  # the deployment's defaults: day=CREDITS, month=CREDITS, hour=JOBS
    reserve_credits: int  # for a request whose cost is unknown


def make_accounts(settings: UsesAccounts) -> Accounts:
    """Return the accounts in the table of money."""
    limits = Limits(**{name: int(limit) for name, limit in (one.split("=") for one in settings.budgets)})
    tables = Tables(money=settings.money_table_name, slots=settings.slots_table_name)
    return Accounts.at(wiring.client("dynamodb"), tables, wiring.now, limits, settings.reserve_credits)


def make_prices(settings: UsesMoney) -> Prices:
    """Return the provider's prices."""
    return Prices(wiring.client("dynamodb"), settings.money_table_name, wiring.now)
