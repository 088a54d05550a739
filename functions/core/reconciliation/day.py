"""Compare the provider's charges of a day with the ledger.

The date of the charge decides the day. There are four kinds of findings: a charge without a generation of ours, several
charges for one generation, an amount that differs from the one that the provider announced, and a completed generation
without a charge. The last is reported only after a while, because a charge may be hours late, and a generation of 23:59
is charged at 00:01.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from core.errors import ProviderUnavailable
from core.generation import Clock, iso
from core.provider.account import PAGE_ROWS
from core.provider.client import Provider
from core.reconciliation.books import CHARGES, LOG, Books, Charged
from core.reconciliation.own import done_on, known
from core.records.table import Table

T = TypeVar("T")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEAR = HOUR  # a generation is usually charged within this time of its end
LOG_REACH = 26  # hours at most from a call to its charge: no job takes longer at the provider
FURTHEST = timedelta(days=31)  # from the day: calls and charges further away are not searched
SETTLED = timedelta(minutes=5)  # from the end of an hour until its data is complete: clocks differ
LOG_PAUSE = 0.5  # seconds between pages of the log: LookUpSubmission needs some of the 200 allowed calls a minute
PAUSES = (5, 20, 60)  # seconds before each retry of reading an hour


class Kind(StrEnum):
    """The kinds of lines in a report."""

    ADDS_UP = "adds_up"
    NOT_OURS = "not_ours"  # a charge without a generation of ours
    NOT_CHARGED = "not_charged"  # a completed generation of ours without a charge
    CHARGED_TWICE = "charged_twice"
    OTHER_AMOUNT = "other_amount"  # the charge differs from the announced amount
    WAITING = "waiting"  # a completed generation of ours whose charge may still arrive
    UNKNOWN_AMOUNT = "unknown_amount"  # a charge for a generation of ours whose expected amount is not known here
    OF_OTHER_KEYS = "of_other_keys"  # a charge for another key of the account, which the deployment expects


FINDINGS = (Kind.NOT_OURS, Kind.NOT_CHARGED, Kind.CHARGED_TWICE, Kind.OTHER_AMOUNT)  # the kinds that raise an alarm


@dataclass(frozen=True)
class Line:
    """A line about one generation, or about one of the provider's references that matches none."""

    kind: Kind
    at: str  # of its last charge, or of its completion
    generation_id: str | None
    provider_id: str | None
    client_request_id: str | None  # the name of the call in the provider's log
    model: str | None
    charges: int
    charged_credits: int  # 2,000,000 are one US dollar
    expected_credits: int | None

    @property
    def credits(self) -> int:
        """Return the known difference in credits."""
        return abs(self.charged_credits - (self.expected_credits or 0))


class OutOfTime(Exception):
    """Time is over. The data that was read so far is kept, and the next run continues."""


@dataclass(frozen=True)
class Reconciliation:
    """Reads both sides of a day and compares them.

    `late` is how long a charge may take to arrive. `is_shared` says that others use the account with keys of their own,
    whose charges are not findings.
    """

    provider: Provider
    table: Table
    late: timedelta
    is_shared: bool
    now: Clock
    sleep: Callable[[float], None] = time.sleep

    def read(self, day: date, books: Books, until: datetime) -> None:
        """Read the data that is needed to judge a day (UTC). Raise `OutOfTime` at `until`."""
        start, end = bounds(day)
        reading = _Reading(self, books, until)
        for hour in hours(start - NEAR, min(end + NEAR, self.now())):
            reading.charges(hour)
        for one in (day - DAY, day, day + DAY):
            books.add_own(done_on(self.table, one))
        books.join()
        self._find_strangers(books, reading, start, end)
        self._find_charges(books, reading, start, end)

    def _find_strangers(self, books: Books, reading: "_Reading", start: datetime, end: datetime) -> None:
        """Match charges without a completed generation by the names of their calls in the log.

        Such a generation may be cancelled, or we never received its id. Most calls are shortly before their charge.
        """
        for back in range(LOG_REACH + 1):
            strangers = books.hours_of_strangers(start, end)
            if not strangers:
                return
            for hour in strangers:
                reading.log(hour - back * HOUR)
            books.add_own(known(self.table, books.named(start, end)))
            books.join()

    def _find_charges(self, books: Books, reading: "_Reading", start: datetime, end: datetime) -> None:
        """Read those charges before and after the day that change its result.

        A generation is charged soon after it was done, and is done soon after it was sent. We may have noticed its end
        only days later, when it was rescued.
        """
        latest = min(end + FURTHEST, self.now())
        while True:
            spans = [(sent, done + HOUR + self.late) for sent, done in books.spans_uncharged(start, end)]
            spans += [(sent, done + HOUR + NEAR) for sent, done in books.spans_elsewhere(start, end, NEAR)]
            away: dict[datetime, timedelta] = {}  # each hour to read, and its distance from the nearer end of its span
            for sent, last in spans:
                for hour in hours(max(sent, start - FURTHEST), min(last, latest)):
                    if not reading.has(CHARGES, hour):
                        away[hour] = min(hour - sent, last - hour, away.get(hour, DAY))
            if not away:
                return
            reading.charges(min(away, key=lambda hour: (away[hour], hour)))
            books.join()

    def judged(self, day: date, books: Books) -> Iterator[Line]:
        """Yield a line for each charge of the day, and for each completed generation without one."""
        start, end = bounds(day)
        for charged in books.charged(start, end):
            if charged.credits > 0 or charged.generation_id:  # otherwise it was refunded
                yield _line(self._kind_of(charged), charged)
        for own in books.uncharged(start, end):
            is_waiting = own.done_at is not None and self.now() < own.done_at + self.late
            yield Line(
                kind=Kind.WAITING if is_waiting else Kind.NOT_CHARGED,
                at=iso(own.done_at or start),
                generation_id=own.generation_id,
                provider_id=own.provider_id,
                client_request_id=None,
                model=None,
                charges=0,
                charged_credits=0,
                expected_credits=own.credits,
            )

    def _kind_of(self, charged: Charged) -> Kind:
        if charged.generation_id is None:
            return Kind.OF_OTHER_KEYS if self.is_shared and not charged.is_logged else Kind.NOT_OURS
        if charged.expected is None:
            return Kind.CHARGED_TWICE if charged.charges > 1 else Kind.UNKNOWN_AMOUNT
        if charged.credits == charged.expected:
            return Kind.ADDS_UP  # in however many parts
        return Kind.CHARGED_TWICE if charged.credits > charged.expected and charged.charges > 1 else Kind.OTHER_AMOUNT


class _Reading:
    """Reads each hour of the provider's data once."""

    def __init__(self, reconciliation: Reconciliation, books: Books, until: datetime) -> None:
        self._provider = reconciliation.provider
        self._now, self._sleep = reconciliation.now, reconciliation.sleep
        self._books = books
        self._until = until
        self._read: set[tuple[str, datetime]] = set()

    def has(self, what: str, hour: datetime) -> bool:
        """Return whether an hour was read, in this run or an earlier one."""
        return (what, hour) in self._read or self._books.has_read(what, hour)

    def charges(self, hour: datetime) -> None:
        """Read the movements of an hour."""

        def read(end: datetime, *, is_over: bool) -> None:
            movements = self._in_time(self._provider.movements(hour, end))
            self._books.read_charges(hour, movements, is_over=is_over)

        self._once(CHARGES, hour, read)

    def log(self, hour: datetime) -> None:
        """Read the calls of our key in an hour."""

        def read(end: datetime, *, is_over: bool) -> None:
            calls = self._in_time(self._provider.log(hour, end), LOG_PAUSE)
            self._books.read_log(hour, calls, is_over=is_over)

        self._once(LOG, hour, read)

    def _once(self, what: str, hour: datetime, read: Callable[..., None]) -> None:
        if self.has(what, hour):
            return
        for pause in (*PAUSES, None):
            now = self._now()
            if now > self._until:
                raise OutOfTime
            try:
                read(min(hour + HOUR, now), is_over=hour + HOUR + SETTLED <= now)
                break
            except ProviderUnavailable:
                if pause is None:
                    raise
                if now + timedelta(seconds=pause) > self._until:
                    raise OutOfTime from None
                self._sleep(pause)
        self._read.add((what, hour))

    def _in_time(self, rows: Iterable[T], pause: float = 0) -> Iterator[T]:
        """Yield the rows, which arrive page by page. Raise `OutOfTime` when time is over."""
        for number, row in enumerate(rows):
            if number % PAGE_ROWS == 0:
                if self._now() > self._until:
                    raise OutOfTime
                if number and pause:
                    self._sleep(pause)
            yield row


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return when a day begins, and when the next one begins."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + DAY


def hours(first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the starts of the hours that overlap with the time from `first` until before `last`."""
    hour = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour + timedelta(milliseconds=1) < last:
        yield hour
        hour += HOUR


def _line(kind: Kind, charged: Charged) -> Line:
    return Line(
        kind=kind,
        at=charged.last_at,
        generation_id=charged.generation_id,
        provider_id=charged.reference,
        client_request_id=charged.client_request_id,
        model=charged.model,
        charges=charged.charges,
        charged_credits=charged.credits,
        expected_credits=charged.expected,
    )
