"""Hold both sides of a day: the provider's charges and log, and the ledger's generations.

They are in a SQLite file. A day of any size is then joined in little memory, and an interrupted run continues where it
stopped. An hour of the provider's data is read as a whole or not at all.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.generation import iso
from core.provider.account import LoggedCall, Movement
from core.reconciliation.own import Own

CHARGE, REFUND = "MODEL_USAGE", "REFUND"  # kinds of the provider's movements that belong to generations
CHARGES, LOG = "charges", "log"
AT_ONCE = 500  # rows of one answer of SQLite, where the caller runs other queries in between
_OWN_NAME = re.compile(r"([0-9a-f]{32})\.[0-9a-f]{32}")  # core.submit.client_request_id

_SCHEMA = """
CREATE TABLE IF NOT EXISTS read (what TEXT, hour TEXT, PRIMARY KEY (what, hour)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS charges (hour TEXT, at TEXT, credits INTEGER, reference TEXT, model TEXT, own TEXT);
CREATE INDEX IF NOT EXISTS charges_by_reference ON charges (reference);
CREATE INDEX IF NOT EXISTS charges_by_own ON charges (own);
CREATE INDEX IF NOT EXISTS charges_by_time ON charges (at);
CREATE TABLE IF NOT EXISTS calls (reference TEXT PRIMARY KEY, name TEXT, generation_id TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS own
    (generation_id TEXT PRIMARY KEY, provider_id TEXT, credits INTEGER, sent_at TEXT, done_at TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS own_by_provider_id ON own (provider_id);
CREATE INDEX IF NOT EXISTS own_by_time ON own (done_at);
-- A generation without a cost has no charge.
CREATE VIEW IF NOT EXISTS uncharged AS SELECT * FROM own WHERE coalesce(credits, 1) > 0
    AND NOT EXISTS (SELECT 1 FROM charges WHERE charges.own = own.generation_id AND charges.credits >= 0);
"""


@dataclass(frozen=True)
class Charged:
    """The charges that were read for one generation, or for one reference without a known generation."""

    generation_id: str | None
    reference: str | None  # of the latest charge
    client_request_id: str | None  # of its call, if the log of our key lists it
    model: str | None
    charges: int  # minus the refunded ones
    credits: int  # the sum of all charges, minus refunds
    last_at: str
    expected: int | None
    is_logged: bool  # the call was made with our key


class Books:
    """The provider's data and the ledger's, in a SQLite file at `path`. The file may contain data of an earlier run."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA synchronous = OFF")  # after a crash the data is read again
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Write pending changes and close the file."""
        self._database.commit()
        self._database.close()

    def has_read(self, what: str, hour: datetime) -> bool:
        """Return whether this hour of the provider's data was read."""
        found = self._database.execute("SELECT 1 FROM read WHERE what = ? AND hour = ?", (what, iso(hour)))
        return found.fetchone() is not None

    def read_charges(self, hour: datetime, movements: Iterable[Movement], *, is_over: bool) -> None:
        """Store all movements of an hour in place of the earlier ones. Until it `is_over` it is read again."""
        rows = (
            (iso(hour), iso(one.at), one.credits, one.reference, one.model)
            for one in movements
            if (one.kind == CHARGE and one.credits >= 0) or (one.kind == REFUND and one.reference and one.credits < 0)
        )
        with self._database:
            self._database.execute("DELETE FROM charges WHERE hour = ?", (iso(hour),))
            self._database.executemany(
                "INSERT INTO charges (hour, at, credits, reference, model) VALUES (?, ?, ?, ?, ?)", rows
            )
            self._has_read(CHARGES, hour, is_over=is_over)

    def read_log(self, hour: datetime, calls: Iterable[LoggedCall], *, is_over: bool) -> None:
        """Store all calls of an hour."""
        rows = (
            (one.provider_id, one.client_request_id, name[1] if name else None)
            for one in calls
            for name in [_OWN_NAME.fullmatch(one.client_request_id or "")]
        )
        with self._database:
            # A reference may occur in several rows, also for polls, which have no name: keep the first name.
            self._database.executemany(
                "INSERT INTO calls VALUES (?, ?, ?) ON CONFLICT (reference) DO UPDATE SET "
                "name = coalesce(name, excluded.name), generation_id = coalesce(generation_id, excluded.generation_id)",
                rows,
            )
            self._has_read(LOG, hour, is_over=is_over)

    def _has_read(self, what: str, hour: datetime, *, is_over: bool) -> None:
        if is_over:
            self._database.execute("INSERT OR REPLACE INTO read VALUES (?, ?)", (what, iso(hour)))

    def add_own(self, generations: Iterable[Own]) -> None:
        """Store generations of ours, each in place of its earlier version."""
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO own VALUES (?, ?, ?, ?, ?)",
                (
                    (one.generation_id, one.provider_id, one.credits, _iso(one.sent_at), _iso(one.done_at))
                    for one in generations
                ),
            )

    def join(self) -> None:
        """Match every charge to its generation, by the name of its call or by the provider's id."""
        with self._database:
            self._database.execute(
                """
                UPDATE charges SET own = coalesce(
                    (SELECT own.generation_id FROM calls JOIN own USING (generation_id)
                        WHERE calls.reference = charges.reference),
                    (SELECT min(own.generation_id) FROM own WHERE own.provider_id = charges.reference)
                ) WHERE own IS NULL
                """
            )

    def hours_of_strangers(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the hours with charges from `start` to `end` that match no generation and no call that was read."""
        found = self._database.execute(
            """
            SELECT DISTINCT hour FROM charges WHERE at >= ? AND at < ? AND own IS NULL AND reference IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.reference = charges.reference)
            """,
            (iso(start), iso(end)),
        )
        return [datetime.fromisoformat(hour) for (hour,) in found]

    def named(self, start: datetime, end: datetime) -> Iterator[str]:
        """Yield the generations that are named by the calls of charges from `start` to `end` and were not looked up."""
        after = ""
        while True:
            found = self._database.execute(
                """
                SELECT DISTINCT calls.generation_id FROM charges JOIN calls USING (reference)
                WHERE at >= ? AND at < ? AND charges.own IS NULL AND calls.generation_id > ?
                    AND NOT EXISTS (SELECT 1 FROM own WHERE own.generation_id = calls.generation_id)
                ORDER BY calls.generation_id LIMIT ?
                """,
                (iso(start), iso(end), after, AT_ONCE),
            ).fetchall()
            if not found:
                return
            yield from (generation_id for (generation_id,) in found)
            after = found[-1][0]

    def spans_uncharged(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the hours of sending and completion of generations completed from `start` to `end` without a charge."""
        found = self._database.execute(
            "SELECT DISTINCT substr(sent_at, 1, 13), substr(done_at, 1, 13) FROM uncharged "
            "WHERE done_at >= ? AND done_at < ?",
            (iso(start), iso(end)),
        )
        yield from ((_hour(sent or done), _hour(done)) for sent, done in found)

    def spans_elsewhere(self, start: datetime, end: datetime, near: timedelta) -> Iterator[tuple[datetime, datetime]]:
        """Yield the hours of sending and completion of generations that were charged from `start` to `end`, but not
        completed `near` that time. Such a charge may be a second one.
        """
        found = self._database.execute(
            """
            SELECT DISTINCT substr(coalesce(sent_at, done_at), 1, 13), substr(coalesce(done_at, sent_at), 1, 13)
            FROM charges JOIN own ON own.generation_id = charges.own
            WHERE at >= ? AND at < ? AND (done_at IS NULL OR done_at < ? OR done_at >= ?)
                AND coalesce(sent_at, done_at) IS NOT NULL
            """,
            (iso(start), iso(end), iso(start - near), iso(end + near)),
        )
        yield from ((_hour(sent), _hour(done)) for sent, done in found)

    def charged(self, start: datetime, end: datetime) -> Iterator[Charged]:
        """Yield the charges of each generation, and of each unmatched reference, whose last charge is from `start` to
        `end`, in the order of the last charge.
        """
        found = self._database.execute(
            """
            WITH groups AS (
                SELECT own, max(CASE WHEN credits >= 0 THEN at || reference END) AS last,
                    sum((credits > 0) - (credits < 0)) AS charges, sum(credits) AS credits, max(model) AS model
                FROM charges
                WHERE own IN (SELECT own FROM charges WHERE at >= :start AND at < :end)
                    OR reference IN (SELECT reference FROM charges WHERE own IS NULL AND at >= :start AND at < :end)
                GROUP BY own, CASE WHEN own IS NULL THEN reference END
                UNION ALL
                SELECT NULL, at, 1, credits, model FROM charges
                WHERE reference IS NULL AND at >= :start AND at < :end
            ), latest AS (
                SELECT *, substr(last, 1, 24) AS last_at, nullif(substr(last, 25), '') AS reference FROM groups
            )
            SELECT latest.own, latest.reference, calls.name, latest.model, latest.charges, latest.credits,
                latest.last_at, own.credits, calls.reference IS NOT NULL
            FROM latest LEFT JOIN own ON own.generation_id = latest.own
            LEFT JOIN calls ON calls.reference = latest.reference
            WHERE last_at >= :start AND last_at < :end ORDER BY last
            """,
            {"start": iso(start), "end": iso(end)},
        )
        for row in found:
            own, reference, name, model, charges, amount, last_at, expected, is_logged = row
            yield Charged(own, reference, name, model, charges, amount, last_at, expected, bool(is_logged))

    def uncharged(self, start: datetime, end: datetime) -> Iterator[Own]:
        """Yield the generations that were completed from `start` to `end` and have no charge."""
        found = self._database.execute(
            "SELECT generation_id, provider_id, credits, sent_at, done_at FROM uncharged "
            "WHERE done_at >= ? AND done_at < ? ORDER BY done_at",
            (iso(start), iso(end)),
        )
        for generation_id, provider_id, credits_used, sent_at, done_at in found:
            yield Own(generation_id, provider_id, credits_used, _time(sent_at), _time(done_at))


def _iso(time: datetime | None) -> str | None:
    return iso(time) if time else None


def _hour(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00:00Z")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
