"""Judge a day: collect the charges of its generations, from any day, and compare them with the ledger.

A generation belongs to the day (UTC) on which it was done or, if it never was, on which it was sent. All of its charges
and refunds count there, in however many parts and on whatever day. A charge without a generation belongs to the day on
which it was made.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from core.errors import ProviderUnavailable
from core.generation import Clock
from core.provider.client import Provider
from core.reconciliation.book import Book
from core.reconciliation.line import Kind, Line
from core.reconciliation.own import done_on, known
from core.reconciliation.reading import DAY, SETTLED, Reading, bounds, days, is_over
from core.reconciliation.sheet import Sheet, Sum
from core.reconciliation.shelf import Shelf
from core.records.table import Table

FURTHEST = timedelta(days=31)  # how long before the day charges are searched, even if a generation was sent earlier


@dataclass(frozen=True)
class Judged:
    """The result of a day. It holds all charges that the provider entered before `read_until`."""

    day: date
    lines: Iterator[Line]
    read_until: datetime
    complete_from: datetime  # from then on, all charges that may still arrive can be read
    strays: list[tuple[date, str]]  # days whose reports need charges of this day, with the time of the latest one


@dataclass(frozen=True)
class Reconciliation:
    """Reads both sides of a day and compares them.

    `late` is how long a charge may take to arrive. `is_shared` says that others use the account with keys of their own,
    whose charges are not findings.
    """

    provider: Provider
    table: Table
    shelf: Shelf
    late: timedelta
    is_shared: bool
    now: Clock
    sleep: Callable[[float], None] = time.sleep

    def judge(self, day: date, folder: Path, until: datetime, *, again: bool = False) -> Judged:
        """Judge a day, with files in `folder`. Raise `OutOfTime` at `until`.

        The provider's side of each day is read once. With `again`, read this day again.
        """
        reading = Reading(self.provider, self.table, self.now, self.sleep, until)
        sheet = Sheet(folder / "sheet", day)
        try:
            return self._judge(day, folder, sheet, reading, again=again)
        except BaseException:
            sheet.close()
            raise

    def _judge(self, day: date, folder: Path, sheet: Sheet, reading: Reading, *, again: bool) -> Judged:
        now = self.now()
        sheet.add(done_on(self.table, day))
        first = max(min(sheet.first_sent() or day, day), day - FURTHEST)
        last = (bounds(day)[1] + self.late - timedelta(microseconds=1)).date()
        needed = days(first, max(day, min(last, now.date())))
        later = [one for one in self.shelf.days() if one > needed[-1]]
        taken = set()
        for one in (*needed, *later):
            try:
                path = self._book(one, folder, reading, of_day=day, again=again and one == day)
            except ProviderUnavailable:
                if one == day:
                    raise
                continue  # that day is due as well; until it is read, generations without a charge wait for it
            sheet.take(one, path)
            path.unlink()
            taken.add(one)
        sheet.sort_out(known(self.table, sheet.others()))
        gap = first
        while gap in taken:
            gap += DAY
        read_until = bounds(gap)[0]
        lines = self._lines(sheet, min(read_until, now))
        # Until an hour is settled, charges may still be entered with an earlier time.
        read_until = min(read_until, now - SETTLED)
        complete_from = bounds(last)[1] if is_over(day, now) else bounds(day)[1] + SETTLED
        return Judged(day, lines, read_until, complete_from, sheet.strays())

    def _book(self, day: date, folder: Path, reading: Reading, *, of_day: date, again: bool) -> Path:
        """Return the book of a day. Until the day is over, do not store it, and match it only for its own report."""
        path = folder / day.isoformat()
        if is_over(day, self.now()):
            self.shelf.fetch(day, path, lambda book: reading.read(day, book), again=again)
            return path
        book = Book(path)
        try:
            (reading.read if day == of_day else reading.read_charges)(day, book)
        finally:
            book.close()
        return path

    def _lines(self, sheet: Sheet, read_until: datetime) -> Iterator[Line]:
        try:
            for one in sheet.sums():
                kind = self._kind_of(one, read_until)
                if kind is not None:
                    yield _line(kind, one)
            for hour, row in sheet.unreadable():
                yield Line(Kind.UNREADABLE, hour, row=row)
        finally:
            sheet.close()

    def _kind_of(self, one: Sum, read_until: datetime) -> Kind | None:
        """Return the kind of a line, or None if nothing was charged and nothing is due."""
        if one.generation_id is None:
            if one.credits <= 0 and one.charges <= 0:
                return None  # refunded
            return Kind.OF_OTHER_KEYS if self.is_shared and not one.is_logged else Kind.NOT_OURS
        if one.expected == one.credits:
            return Kind.ADDS_UP if one.is_charged else None  # in however many parts
        may_arrive = one.done_at is not None and read_until < one.done_at + self.late
        if may_arrive and one.credits < (one.expected or 1):
            return Kind.WAITING
        if not one.is_charged:
            return Kind.NOT_CHARGED
        if one.charges > 1 and one.credits > (one.expected or 0):
            return Kind.CHARGED_TWICE
        if one.expected is None:
            return Kind.UNKNOWN_AMOUNT if one.charges else None
        return Kind.OTHER_AMOUNT


def _line(kind: Kind, one: Sum) -> Line:
    return Line(
        kind=kind,
        at=one.at,
        generation_id=one.generation_id,
        provider_id=one.provider_id,
        client_request_id=one.client_request_id,
        model=one.model,
        charges=one.charges,
        charged_credits=one.credits,
        expected_credits=one.expected,
    )
