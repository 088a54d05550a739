"""Read the provider's side of a day into its book, and match its charges to our generations."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from core.errors import ProviderUnavailable
from core.generation import Clock
from core.provider.account import PAGE_ROWS
from core.provider.client import Provider
from core.reconciliation.book import CHARGES, LOG, Book
from core.reconciliation.own import done_on, known, with_provider_ids
from core.records.table import Table

T = TypeVar("T")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LOG_REACH = 26  # hours at most from a call to its charge, because no job takes longer at the provider
SETTLED = timedelta(minutes=5)  # from the end of an hour until its data is complete: clocks differ
LOG_PAUSE = 0.5  # seconds between pages of the log: LookUpSubmission needs some of the 200 allowed calls a minute
PAUSES = (5, 20, 60)  # seconds before each retry of reading an hour


class OutOfTime(Exception):
    """The time of this run is over. The data that was read so far is kept, and the next run continues."""


@dataclass(frozen=True)
class Reading:
    """Reads a day into a book, from both sides, until `until`. Then it raises `OutOfTime`."""

    provider: Provider
    table: Table
    now: Clock
    sleep: Callable[[float], None]
    until: datetime

    def read(self, day: date, book: Book) -> None:
        """Read the charges of a day, and match them."""
        self.read_charges(day, book)
        for one in (day - DAY, day, day + DAY):  # almost all charges are for these generations
            book.match(done_on(self.table, one))
        self._search_ledger(book)
        self._search_log(book)

    def read_charges(self, day: date, book: Book) -> None:
        """Read the charges of a day so far, without matching them."""
        start, end = bounds(day)
        for hour in hours(start, min(end, self.now())):
            self._once(book, CHARGES, hour)

    def _search_ledger(self, book: Book) -> None:
        """Match charges by the provider's id, which may be of any generation: cancelled, failed or done long ago."""
        while strangers := book.strangers():
            self._check_time()
            book.match(with_provider_ids(self.table, strangers))
            book.looked_up(strangers[-1])

    def _search_log(self, book: Book) -> None:
        """Match charges by the names of their calls: the ledger may never have received the provider's id.

        Most calls were made shortly before their charge.
        """
        for back in range(LOG_REACH + 1):
            strangers = book.hours_of_strangers()
            if not strangers:
                return
            for hour in strangers:
                self._once(book, LOG, hour - back * HOUR)
            book.match(known(self.table, list(book.named())))

    def _once(self, book: Book, what: str, hour: datetime) -> None:
        """Read an hour, unless that was done before, and retry if the provider fails."""
        for pause in () if book.has_read(what, hour) else (*PAUSES, None):
            self._check_time()
            try:
                self._read(book, what, hour)
                return
            except ProviderUnavailable:
                if pause is None:
                    raise
                self._check_time(pause)
                self.sleep(pause)

    def _read(self, book: Book, what: str, hour: datetime) -> None:
        end = min(hour + HOUR, self.now())
        if what == CHARGES:
            book.read_charges(hour, self._in_time(self.provider.movements(hour, end)))
        else:
            book.read_log(hour, self._in_time(self.provider.log(hour, end), LOG_PAUSE))

    def _in_time(self, rows: Iterable[T], pause: float = 0) -> Iterator[T]:
        """Yield the rows, which arrive page by page."""
        for number, row in enumerate(rows):
            if number % PAGE_ROWS == 0:
                self._check_time()
                if number and pause:
                    self.sleep(pause)
            yield row

    def _check_time(self, needed: float = 0) -> None:
        if self.now() + timedelta(seconds=needed) > self.until:
            raise OutOfTime


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return the beginning of a day and that of the next one."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + DAY


def is_over(day: date, now: datetime) -> bool:
    """Return whether the provider's data of a day is complete."""
    return bounds(day)[1] + SETTLED <= now


def days(first: date, last: date) -> list[date]:
    """Return all days from the first to the last."""
    return [first + number * DAY for number in range((last - first).days + 1)]


def hours(first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the starts of the hours that overlap with the time from `first` until before `last`."""
    while first < last:
        yield first
        first += HOUR
