"""Reconcile the days that are due, one after the other."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from core.reconciliation.day import Reconciliation
from core.reconciliation.reports import Reports

Sums = dict[str, Any]  # of a day's report


@dataclass(frozen=True)
class Reconcile:
    """Reconciles the days that are due."""

    reconciliation: Reconciliation
    reports: Reports
    on_day: Callable[[date, Sums | None], None]  # is called with each day's sums, or None if time ran out

    def reconcile(self, day: date | None, until: datetime) -> list[Sums]:
        """Reconcile one day, or all that are due, until that time, and return their sums.

        A day that is not finished by then is left out, and the next invocation continues it.
        """
        now, late = self.reconciliation.now(), self.reconciliation.late
        done = []
        for one in [day] if day else self.reports.due(now, late):
            sums = self.reports.reconcile(one, self.reconciliation, until)
            self.on_day(one, sums)
            if sums is None:
                break
            done.append(sums)
        return done
