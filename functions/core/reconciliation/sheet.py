"""Join the generations of a day with their charges from any day, in a SQLite file."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from core.generation import iso
from core.reconciliation.own import Own

_SCHEMA = """
CREATE TABLE own
    (generation_id TEXT PRIMARY KEY, provider_id TEXT, credits INTEGER, sent_at TEXT, done_at TEXT) WITHOUT ROWID;
CREATE INDEX own_by_provider_id ON own (provider_id);
CREATE TABLE entries (
    is_of_day INTEGER, at TEXT, credits INTEGER, reference TEXT, model TEXT, own TEXT, name TEXT, is_logged INTEGER
);
CREATE INDEX entries_by_own ON entries (own);
CREATE TABLE unreadable (hour TEXT, row TEXT);
CREATE TABLE strays (home TEXT, at TEXT);
"""
# The entries of the day itself, and those of other days for the generations of this day. Since a book was read,
# a generation may have been done, or may have got its id at the provider.
_TAKE = """
INSERT INTO entries
SELECT :day = :home, at, credits, reference, model, coalesce(by_provider_id, own), name, is_logged FROM (
    SELECT movements.*, calls.name, calls.reference IS NOT NULL AS is_logged,
        (SELECT min(generation_id) FROM own WHERE provider_id = movements.reference) AS by_provider_id
    FROM book.movements LEFT JOIN book.calls ON calls.reference = movements.reference
) WHERE :day = :home OR by_provider_id IS NOT NULL OR home = :home OR own IN (SELECT generation_id FROM own)
"""
_SUMS = """
WITH sums AS (
    SELECT own, CASE WHEN own IS NULL THEN coalesce(reference, rowid) END AS stranger,
        max(CASE WHEN credits >= 0 THEN at || coalesce(reference, '') END) AS last, max(at) AS last_at,
        sum((credits > 0) - (credits < 0)) AS charges, sum(credits) AS credits, max(model) AS model,
        max(name) AS name, max(is_logged) AS is_logged
    FROM entries GROUP BY own, stranger
)
SELECT generation_id, provider_id, own.credits, done_at, last, last_at, charges, sums.credits, model, name, is_logged
FROM own LEFT JOIN sums ON sums.own = generation_id
UNION ALL
SELECT NULL, NULL, NULL, NULL, last, last_at, charges, credits, model, name, is_logged FROM sums WHERE own IS NULL
ORDER BY 6, 5, 4, 1
"""


@dataclass(frozen=True)
class Sum:
    """All charges and refunds of one generation, or of one reference without a generation."""

    generation_id: str | None
    provider_id: str | None  # of the latest charge, or of the generation
    client_request_id: str | None  # of its call, if the log of our key lists it
    model: str | None
    is_charged: bool  # there was a charge, even if it was refunded
    charges: int  # minus the refunded ones
    credits: int  # the sum of all charges, minus refunds
    at: str  # of the last charge or, without one, of the completion
    expected: int | None
    done_at: datetime | None
    is_logged: bool  # the call was made with our key


class Sheet:
    """The file at `path`, which is new, for the report of a day."""

    def __init__(self, path: Path, day: date) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA synchronous = OFF")  # it is made for one run
        self._database.executescript(_SCHEMA)
        self._home = day.isoformat()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def add(self, generations: Iterable[Own]) -> None:
        """Store generations of the day."""
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO own VALUES (?, ?, ?, ?, ?)",
                (
                    (one.generation_id, one.provider_id, one.credits, _iso(one.sent_at), _iso(one.done_at))
                    for one in generations
                ),
            )

    def first_sent(self) -> date | None:
        """Return the earliest day on which one of the generations was sent."""
        (first,) = self._database.execute("SELECT min(sent_at) FROM own").fetchone()
        return date.fromisoformat(first[:10]) if first else None

    def take(self, day: date, book: Path) -> None:
        """Copy the entries that belong to the sheet from the book of a day."""
        self._database.execute("ATTACH DATABASE ? AS book", (str(book),))
        with self._database:
            self._database.execute(_TAKE, {"day": day.isoformat(), "home": self._home})
            if day.isoformat() == self._home:
                self._database.execute("INSERT INTO unreadable SELECT hour, row FROM book.unreadable")
        self._database.execute("DETACH DATABASE book")

    def others(self) -> list[str]:
        """Return the generations in entries that may belong to another day."""
        found = self._database.execute(
            "SELECT DISTINCT own FROM entries WHERE own IS NOT NULL AND own NOT IN (SELECT generation_id FROM own)"
        )
        return [generation_id for (generation_id,) in found]

    def sort_out(self, generations: Iterable[Own]) -> None:
        """Add those of these generations that belong to this day, and set the entries of the others aside."""
        for one in generations:
            home = one.home.isoformat() if one.home else self._home
            if home == self._home:
                self.add([one])
                continue
            with self._database:
                self._database.execute(
                    "INSERT INTO strays SELECT ?, at FROM entries WHERE own = ? AND is_of_day",
                    (home, one.generation_id),
                )
                self._database.execute("DELETE FROM entries WHERE own = ?", (one.generation_id,))
        with self._database:  # the remaining generations are no longer in the ledger
            self._database.execute(
                "DELETE FROM entries WHERE NOT is_of_day AND own NOT IN (SELECT generation_id FROM own)"
            )
            self._database.execute("UPDATE entries SET own = NULL WHERE own NOT IN (SELECT generation_id FROM own)")

    def strays(self) -> list[tuple[date, str]]:
        """Return the days whose reports need charges of this day, each with the time of the latest such charge."""
        found = self._database.execute("SELECT home, max(at) FROM strays GROUP BY home")
        return [(date.fromisoformat(home), at) for home, at in found]

    def unreadable(self) -> Iterator[tuple[str, str]]:
        """Yield the hours and the texts of the unreadable rows of the day."""
        yield from self._database.execute("SELECT hour, row FROM unreadable ORDER BY hour, rowid")

    def sums(self) -> Iterator[Sum]:
        """Yield the generations of the day and the charges without a generation, in the order of the last charge."""
        for (
            own,
            provider_id,
            expected,
            done_at,
            last,
            last_at,
            charges,
            amount,
            model,
            name,
            is_logged,
        ) in self._database.execute(_SUMS):
            yield Sum(
                generation_id=own,
                provider_id=(last or "")[24:] or provider_id,
                client_request_id=name,
                model=model,
                is_charged=charges is not None,
                charges=charges or 0,
                credits=amount or 0,
                at=(last or last_at or done_at or "")[:24],
                expected=expected,
                done_at=datetime.fromisoformat(done_at) if done_at else None,
                is_logged=bool(is_logged),
            )


def _iso(time: datetime | None) -> str | None:
    return iso(time) if time else None
