"""Both sides of a day's money, as they were read: the provider's charges and log, and the ledger's generations.

They are in a SQLite file, so that a day of any size is joined in little memory, and a reading that was interrupted goes
on where it was. What is read is an hour of the provider's, whole or not at all.
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

CHARGE, REFUND = "MODEL_USAGE", "REFUND"  # the provider's kinds of movements that a generation may have
CHARGES, LOG = "charges", "log"
AT_ONCE = 500  # rows of one answer of SQLite's, where another question is asked meanwhile
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
-- Of a generation that cost nothing no charge comes.
CREATE VIEW IF NOT EXISTS uncharged AS SELECT * FROM own WHERE coalesce(credits, 1) > 0
    AND NOT EXISTS (SELECT 1 FROM charges WHERE charges.own = own.generation_id AND charges.credits >= 0);
"""


@dataclass(frozen=True)
class Charged:
    """All that the provider charged for one generation, of what was read; or under one reference that is nobody's."""

    generation_id: str | None
    reference: str | None  # of the latest charge
    client_request_id: str | None  # of its call, if the log of our key has it
    model: str | None
    charges: int  # less those that were given back
    credits: int  # of all of them, less what was given back
    last_at: str
    expected: int | None
    is_logged: bool  # the call was made with our key


class Books:
    """The file at `path`, which may hold what was read before."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA synchronous = OFF")  # what a crash spoils is read again
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Write what is left to be written."""
        self._database.commit()
        self._database.close()

    def has_read(self, what: str, hour: datetime) -> bool:
        """Whether this hour of the provider's was read."""
        found = self._database.execute("SELECT 1 FROM read WHERE what = ? AND hour = ?", (what, iso(hour)))
        return found.fetchone() is not None

    def read_charges(self, hour: datetime, movements: Iterable[Movement], *, is_over: bool) -> None:
        """All movements of an hour, in place of what was read of it before; read again unless it `is_over`."""
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
        """All calls of an hour."""
        rows = (
            (one.provider_id, one.client_request_id, name[1] if name else None)
            for one in calls
            for name in [_OWN_NAME.fullmatch(one.client_request_id or "")]
        )
        with self._database:
            # One that is seen twice keeps the name that it has: there may be rows for looking at it, too.
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
        """Generations of ours; the latest word on each counts."""
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO own VALUES (?, ?, ?, ?, ?)",
                (
                    (one.generation_id, one.provider_id, one.credits, _iso(one.sent_at), _iso(one.done_at))
                    for one in generations
                ),
            )

    def join(self) -> None:
        """Say of every charge whose it is: by the name of its call, or by the provider's id."""
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
        """The hours in which charges from `start` to `end` are that are nobody's, and whose calls were not read."""
        found = self._database.execute(
            """
            SELECT DISTINCT hour FROM charges WHERE at >= ? AND at < ? AND own IS NULL AND reference IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.reference = charges.reference)
            """,
            (iso(start), iso(end)),
        )
        return [datetime.fromisoformat(hour) for (hour,) in found]

    def named(self, start: datetime, end: datetime) -> Iterator[str]:
        """The generations that the calls of charges from `start` to `end` name, and that were not looked up."""
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
        """The hours in which generations were sent and done that were done from `start` to `end` and have no charge."""
        found = self._database.execute(
            "SELECT DISTINCT substr(sent_at, 1, 13), substr(done_at, 1, 13) FROM uncharged "
            "WHERE done_at >= ? AND done_at < ?",
            (iso(start), iso(end)),
        )
        yield from ((_hour(sent or done), _hour(done)) for sent, done in found)

    def spans_elsewhere(self, start: datetime, end: datetime, near: timedelta) -> Iterator[tuple[datetime, datetime]]:
        """The hours in which generations were sent and done that have a charge from `start` to `end` although they were
        not done `near` that time: the charge may be a second one."""
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
        """What was charged for each generation, and under each reference that is nobody's, whose last charge is from
        `start` to `end`; in the order of that."""
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
        """The generations that were done from `start` to `end` and have no charge."""
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
