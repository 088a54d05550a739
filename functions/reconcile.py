"""Reconcile the days that are due every night, or one day that an operator names."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from core import settings
from core.reconciliation.day import Reconciliation
from core.reconciliation.reconcile import Reconcile
from core.reconciliation.reports import Reports, Sums
from core.reconciliation.shelf import Shelf
from core.records.table import Table
from wiring import client, logger, now
from wiring.ledger import UsesLedger
from wiring.metrics import count_findings, tell
from wiring.provider import UsesProvider, make_provider

LONGEST = timedelta(
    minutes=12
)  # of the fifteen that Lambda gives: an hour of the provider's is read whole or not at all
BY_HAND = timedelta(minutes=4)  # as long as a call that says nothing stays open on its way


@dataclass(frozen=True)
class Settings(UsesLedger, UsesProvider):
    videos_bucket: str
    charge_late_seconds: int
    account_is_shared: bool


@cache
def _wired() -> Reconcile:
    s = settings.read(Settings)
    reconciliation = Reconciliation(
        provider=make_provider(s),
        table=Table(client("dynamodb"), s.table_name),
        shelf=Shelf(client("s3"), s.videos_bucket),
        late=timedelta(seconds=s.charge_late_seconds),
        is_shared=s.account_is_shared,
        now=now,
    )
    reports = Reports(s3=client("s3"), bucket=s.videos_bucket, now=now, on_findings=count_findings)
    return Reconcile(reconciliation=reconciliation, reports=reports, on_day=_tell, on_overdue=_tell_overdue)


def _tell(day: date, sums: Sums | None) -> None:
    logger.info("reconciled" if sums else "to be continued", day=day.isoformat(), sums=sums)


def _tell_overdue(days: int) -> None:
    logger.warning("days are overdue", days=days)
    tell("DaysOverdue", days)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Reconcile the day of {"day": "2026-11-24"}, or all days that are due for a scheduled event.

    Return the sums of each finished day under "days". A day that is not finished in time needs another call.
    """
    day = date.fromisoformat(event["day"]) if "day" in event else None
    return {"days": _wired().reconcile(day, now() + (BY_HAND if day else LONGEST))}
