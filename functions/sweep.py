"""Run every minute: complete work that a crashed function or a lost event has left unfinished."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from core import settings
from core.archive.objects import Objects
from core.generation import Failure, Generation
from core.money import usd
from core.money.budgets import ALL
from core.slots.history import History
from core.slots.table import HELD_BACK
from core.sweep import Sweep
from wiring import client, logger, now
from wiring.accounts import UsesAccounts, make_accounts, make_prices
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.ledger import make_ledger
from wiring.metrics import count_failure, tell
from wiring.provider import UsesProvider, make_provider
from wiring.slots import UsesSlots, make_admission
from wiring.workflow import UsesWorkflow, make_workflow

NEARLY = 0.8  # of a budget, which raises an alarm
LONGEST = timedelta(seconds=30)  # Lambda ends a sweep before the next one starts, after a minute


@dataclass(frozen=True)
class Settings(UsesSlots, UsesWorkflow, UsesAnnouncer, UsesProvider, UsesAccounts):
    videos_bucket: str
    poll_deadline_seconds: int


@cache
def _wired() -> Sweep:
    s = settings.read(Settings)
    return Sweep(
        ledger=make_ledger(s),
        admission=make_admission(s),
        workflow=make_workflow(s),
        announcer=make_announcer(s),
        provider=make_provider(s),
        objects=Objects(client("s3"), s.videos_bucket),
        longest=timedelta(seconds=s.poll_deadline_seconds),
        on_failure=_found_failed,
    )


def _found_failed(generation: Generation, failure: Failure) -> None:
    logger.warning(
        "found to have failed",
        generation_id=generation.generation_id,
        error=failure.name,
        reason=failure.message,
        model=generation.model,
    )
    count_failure(failure)


@logger.inject_lambda_context
def handler(_event: dict[str, Any], _context: object) -> None:
    """Check money, log the current state and sweep. The contents of the scheduled event do not matter."""
    for step in (_check_money, _check_credits, _log_state):
        try:
            step()
        except Exception:  # noqa: BLE001 - unfinished work is swept nevertheless
            logger.exception("step of the sweep failed", step=step.__name__)
    _wired().run(until=now() + LONGEST)


def _check_money() -> None:
    """Read the prices once a day, and report budgets that are nearly spent to the alarms."""
    s = settings.read(Settings)
    make_prices(s).keep_fresh(make_provider(s))
    # The deployment's budgets are a separate metric. Otherwise a key that spends its budget each day would hide them.
    shares: dict[str, float] = {}
    for budget in make_accounts(s).budgets.every():
        if budget.share >= NEARLY:
            logger.warning("budget nearly spent", budget=budget.name, share=budget.share)
            measure = "BudgetShare" if budget.scope == ALL else "OwnersBudgetShare"
            shares[measure] = max(budget.share, shares.get(measure, 0))
    for measure, share in shares.items():
        tell(measure, 100 * share)


def _check_credits() -> None:
    """Log the models whose jobs the provider rejects for lack of credits, and raise the alarm."""
    shortages = make_admission(settings.read(Settings)).shortages.every().values()
    rejected = [(one.model, one.cost, one.since) for one in shortages if one.cost is not None]
    for model, cost, since in rejected:
        logger.warning("provider out of credits", since=since, model=model, from_usd=usd(cost))
    if rejected:
        tell("ProviderOutOfCredits", 1)


def _log_state() -> None:
    """Log the slots, the queue and the spending for the dashboard (infra/dashboard.py).

    Also record the first two for the console.
    """
    s = settings.read(Settings)
    table, day = make_admission(s).table, make_accounts(s).budgets.of_all()
    held = len(table.held())
    waiting, since = table.queue()
    held_back = table.count(HELD_BACK)
    logger.info(
        "current state",
        held=held,
        slots=s.in_flight_limit,
        waiting=waiting,
        held_back=held_back,
        oldest_seconds=round((now() - since).total_seconds()) if since else 0,
        day_usd=usd(day.used.day_credits),
        day_limit_usd=day.limits.day and usd(day.limits.day),
    )
    History(client("dynamodb"), s.slots_table_name).note(held, waiting + held_back, now())
