"""Reconcile the days that are due, one after the other."""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from core.generation import iso
from core.reconciliation.day import Reconciliation
from core.reconciliation.reading import DAY, OutOfTime
from core.reconciliation.reports import Reports, Sums
from core.reconciliation.shelf import Mark

logger = logging.getLogger("promptreel")

OVERDUE = timedelta(hours=8)  # after midnight (UTC); the last run of a night begins later than this


@dataclass(frozen=True)
class Reconcile:
    """Reconciles the days that are due."""

    reconciliation: Reconciliation
    reports: Reports
    on_day: Callable[[date, Sums | None], None]  # is called with each day's sums, or None if time ran out
    on_overdue: Callable[[int], None]  # called with the number of days that should be done by now, if there are any

    def reconcile(self, day: date | None, until: datetime) -> list[Sums]:
        """Reconcile one day, or all that are due, until that time, and return their sums.

        A day that is not finished by then is left out, and the next invocation continues it. If a day fails, continue
        with the others and raise its error at the end. It stays due.
        """
        if day:
            try:
                return [self._one(day, until, again=True)]
            except OutOfTime:
                self.on_day(day, None)
                return []
        shelf = self.reconciliation.shelf
        shelf.mark_until(self._now().date() - DAY)
        try:
            return self._due(until)
        finally:
            overdue = {mark.day for mark in shelf.marks() if datetime.fromisoformat(mark.since) + OVERDUE < self._now()}
            if overdue:
                self.on_overdue(len(overdue))

    def _due(self, until: datetime) -> list[Sums]:
        """Reconcile all days that are due: the newest first, so that an old one that always fails delays no other."""
        tried: set[date] = set()
        done: list[Sums] = []
        failed: Exception | None = None
        while due := {mark.day for mark in self._marks()} - tried:
            day = max(due)
            tried.add(day)
            try:
                done.append(self._one(day, until, again=False))
            except OutOfTime:
                self.on_day(day, None)
                break
            except Exception as error:  # noqa: BLE001 - it is raised at the end
                logger.warning("day %s was not reconciled: %s", day, error)
                failed = failed or error
        if failed:
            raise failed
        return sorted(done, key=lambda sums: str(sums["day"]))

    def _one(self, day: date, until: datetime, *, again: bool) -> Sums:
        """Reconcile a day and return its sums. Raise `OutOfTime` at `until`.

        It stays due until everything is written. Each other day whose report lacks a charge of this day becomes due.
        """
        shelf, now = self.reconciliation.shelf, self._now()
        marks = [mark for mark in self._marks() if mark.day == day]
        with tempfile.TemporaryDirectory() as folder:
            judged = self.reconciliation.judge(day, Path(folder), until, again=again)
            for home, last_at in judged.strays:
                known = self.reports.read_until(home)
                if home < now.date() and (known is None or iso(known) <= last_at):
                    shelf.mark(home, now)
            sums = self.reports.write(judged)
        later = (day, iso(judged.complete_from))
        if not sums["is_final"] and later not in {
            (mark.day, mark.since) for mark in shelf.marks() if mark not in marks
        }:
            shelf.mark(day, judged.complete_from)
        shelf.clear(marks)
        self.on_day(day, sums)
        return sums

    def _marks(self) -> list[Mark]:
        """Return the marks of the days that are due now."""
        now = iso(self._now())
        return [mark for mark in self.reconciliation.shelf.marks() if mark.since <= now]

    def _now(self) -> datetime:
        return self.reconciliation.now()
