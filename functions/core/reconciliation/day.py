"""Reconcile: what the provider charged on a day, held against what the ledger knows.

The day is the charge's. Four things do not add up: a charge that is nobody's here, more charges than one for a
generation, another amount than the provider said it would be, and a generation that was made and not charged. The last
is said only after a while: a charge may come hours later, and a generation of 23:59 is charged at 00:01.
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
NEAR = HOUR  # of its end a generation is charged, as a rule
LOG_REACH = 26  # hours from a call to its charge, at most: the provider works on nothing for longer
FURTHEST = timedelta(days=31)  # from the day: what was sent or charged further away is not looked for
SETTLED = timedelta(minutes=5)  # after which nothing is added to a time that is over: clocks differ
LOG_PAUSE = 0.5  # seconds between pages of the log: 200 calls a minute are allowed, and submissions are looked up, too
PAUSES = (5, 20, 60)  # seconds before an hour is read again that could not be read


class Kind(StrEnum):
    """What a line of the report says."""

    ADDS_UP = "adds_up"
    NOT_OURS = "not_ours"  # charged, and no generation of ours
    NOT_CHARGED = "not_charged"  # ours, made, and no charge came
    CHARGED_TWICE = "charged_twice"
    OTHER_AMOUNT = "other_amount"  # charged, and not as much as the provider said
    WAITING = "waiting"  # ours, made, and the charge may still come
    UNKNOWN_AMOUNT = "unknown_amount"  # charged, ours, and how much it is to be is not known here
    OF_OTHER_KEYS = "of_other_keys"  # charged to the account for another key, as the deployment expects it


FINDINGS = (Kind.NOT_OURS, Kind.NOT_CHARGED, Kind.CHARGED_TWICE, Kind.OTHER_AMOUNT)  # what does not add up


@dataclass(frozen=True)
class Line:
    """One generation, or one reference of the provider's that is nobody's, and what is to be said of it."""

    kind: Kind
    at: str  # of its last charge, or when it was done
    generation_id: str | None
    provider_id: str | None
    client_request_id: str | None  # by which the provider's log names the call
    model: str | None
    charges: int
    charged_credits: int  # 2,000,000 are one US dollar
    expected_credits: int | None

    @property
    def credits(self) -> int:
        """How much it is about: what differs, as far as it is known."""
        return abs(self.charged_credits - (self.expected_credits or 0))


class OutOfTime(Exception):
    """What was read so far is kept; another run goes on."""


@dataclass(frozen=True)
class Reconciliation:
    """Reads and judges. `late` is how long a charge may take to come; `is_shared` says that other keys of the account
    are used by others, whose charges are no business of ours."""

    provider: Provider
    table: Table
    late: timedelta
    is_shared: bool
    now: Clock
    sleep: Callable[[float], None] = time.sleep

    def read(self, day: date, books: Books, until: datetime) -> None:
        """Read what is needed to judge a day (UTC); `OutOfTime` if `until` comes first."""
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
        """A charge that is of no generation that was done about then may be of one that was cancelled, or that we never
        got an id of: the log has the name that its call was given. Calls come before charges, most of them shortly."""
        for back in range(LOG_REACH + 1):
            strangers = books.hours_of_strangers(start, end)
            if not strangers:
                return
            for hour in strangers:
                reading.log(hour - back * HOUR)
            books.add_own(known(self.table, books.named(start, end)))
            books.join()

    def _find_charges(self, books: Books, reading: "_Reading", start: datetime, end: datetime) -> None:
        """The charges before and after the day that make a difference to it. A generation is charged soon after it was
        done; that is soon after it was sent, and only we may have noticed it days later, when it was rescued."""
        latest = min(end + FURTHEST, self.now())
        while True:
            spans = [(sent, done + HOUR + self.late) for sent, done in books.spans_uncharged(start, end)]
            spans += [(sent, done + HOUR + NEAR) for sent, done in books.spans_elsewhere(start, end, NEAR)]
            away: dict[datetime, timedelta] = {}  # each hour that is wanted, and how far it is from either end
            for sent, last in spans:
                for hour in hours(max(sent, start - FURTHEST), min(last, latest)):
                    if not reading.has(CHARGES, hour):
                        away[hour] = min(hour - sent, last - hour, away.get(hour, DAY))
            if not away:
                return
            reading.charges(min(away, key=lambda hour: (away[hour], hour)))
            books.join()

    def judged(self, day: date, books: Books) -> Iterator[Line]:
        """All that was charged on the day, and all that was made and not charged, each with what it comes to."""
        start, end = bounds(day)
        for charged in books.charged(start, end):
            if charged.credits > 0 or charged.generation_id:  # else it was given back
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
    """The provider's books, hour by hour, each once."""

    def __init__(self, reconciliation: Reconciliation, books: Books, until: datetime) -> None:
        self._provider = reconciliation.provider
        self._now, self._sleep = reconciliation.now, reconciliation.sleep
        self._books = books
        self._until = until
        self._read: set[tuple[str, datetime]] = set()

    def has(self, what: str, hour: datetime) -> bool:
        """Whether it was read, now or by a run before."""
        return (what, hour) in self._read or self._books.has_read(what, hour)

    def charges(self, hour: datetime) -> None:
        """What moved the account."""

        def read(end: datetime, *, is_over: bool) -> None:
            movements = self._in_time(self._provider.movements(hour, end))
            self._books.read_charges(hour, movements, is_over=is_over)

        self._once(CHARGES, hour, read)

    def log(self, hour: datetime) -> None:
        """The calls of our key."""

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
        """The rows, which come page by page, as long as there is time."""
        for number, row in enumerate(rows):
            if number % PAGE_ROWS == 0:
                if self._now() > self._until:
                    raise OutOfTime
                if number and pause:
                    self._sleep(pause)
            yield row


def bounds(day: date) -> tuple[datetime, datetime]:
    """When a day begins, and when the next one does."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + DAY


def hours(first: datetime, last: datetime) -> Iterator[datetime]:
    """The beginnings of the hours that have something of the time from `first` until before `last`."""
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
