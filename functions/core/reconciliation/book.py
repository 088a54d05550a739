"""Keep the provider's side of a day in a file: its charges, each with the generation that it belongs to.

The file is a SQLite database, so a day of any size needs little memory, and an interrupted reading continues where it
stopped. An hour of the provider's data is read as a whole or not at all.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from core.generation import iso
from core.provider.account import LoggedCall, Movement, Unreadable
from core.reconciliation.own import Own

CHARGE, REFUND = "MODEL_USAGE", "REFUND"  # kinds of the provider's movements that belong to generations
CHARGES, LOG = "charges", "log"
AT_ONCE = 100  # references in one look-up
VERSION = 1  # of the tables; a book of another version is discarded, and its day is read again
_OWN_NAME = re.compile(r"([0-9a-f]{32})\.[0-9a-f]{32}")  # core.submit.client_request_id

# `own` is the generation of a charge, and `home` the day whose report has that generation, if these are known.
_SCHEMA = f"""
PRAGMA user_version = {VERSION};
CREATE TABLE IF NOT EXISTS hours (what TEXT, hour TEXT, PRIMARY KEY (what, hour)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS movements
    (hour TEXT, at TEXT, credits INTEGER, reference TEXT, model TEXT, own TEXT, home TEXT);
CREATE INDEX IF NOT EXISTS movements_by_reference ON movements (reference);
CREATE INDEX IF NOT EXISTS movements_by_own ON movements (own);
CREATE INDEX IF NOT EXISTS movements_by_home ON movements (home);
CREATE TABLE IF NOT EXISTS unreadable (hour TEXT, row TEXT);
CREATE TABLE IF NOT EXISTS calls (reference TEXT PRIMARY KEY, name TEXT, generation_id TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS calls_by_generation_id ON calls (generation_id);
CREATE TABLE IF NOT EXISTS looked_up (reference TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE own (generation_id TEXT PRIMARY KEY, provider_id TEXT, home TEXT) WITHOUT ROWID;
CREATE INDEX temp.own_by_provider_id ON own (provider_id);
"""


class Book:
    """The file at `path`, which may hold the data of an earlier run."""

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
        found = self._database.execute("SELECT 1 FROM hours WHERE what = ? AND hour = ?", (what, iso(hour)))
        return found.fetchone() is not None

    def read_charges(self, hour: datetime, movements: Iterable[Movement | Unreadable]) -> None:
        """Store all movements of an hour."""

        def rows() -> Iterator[tuple[str | int | None, ...]]:
            for one in movements:
                if isinstance(one, Unreadable):
                    self._database.execute("INSERT INTO unreadable VALUES (?, ?)", (iso(hour), one.text))
                elif _belongs_to_a_generation(one):
                    yield iso(hour), iso(one.at), one.credits, one.reference, one.model

        with self._database:
            self._database.executemany("INSERT INTO movements VALUES (?, ?, ?, ?, ?, NULL, NULL)", rows())
            self._database.execute("INSERT INTO hours VALUES (?, ?)", (CHARGES, iso(hour)))

    def read_log(self, hour: datetime, calls: Iterable[LoggedCall]) -> None:
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
            self._database.execute("INSERT INTO hours VALUES (?, ?)", (LOG, iso(hour)))

    def match(self, generations: Iterable[Own]) -> None:
        """Match charges to these generations, by the provider's id or by the name of the call."""
        with self._database:
            self._database.execute("DELETE FROM own")
            self._database.executemany(
                "INSERT OR REPLACE INTO own VALUES (?, ?, ?)",
                ((one.generation_id, one.provider_id, one.home and one.home.isoformat()) for one in generations),
            )
            self._database.execute(
                """
                UPDATE movements SET (own, home) = (
                    SELECT generation_id, home FROM own WHERE generation_id = coalesce(
                        (SELECT min(generation_id) FROM own WHERE provider_id = movements.reference),
                        (SELECT generation_id FROM calls WHERE calls.reference = movements.reference)
                    )
                ) WHERE own IS NULL AND reference IN (
                    SELECT provider_id FROM own UNION ALL SELECT reference FROM calls JOIN own USING (generation_id)
                )
                """
            )

    def strangers(self) -> list[str]:
        """Return some references of charges that match no generation, after those that were looked up."""
        found = self._database.execute(
            "SELECT DISTINCT reference FROM movements WHERE own IS NULL "
            "AND reference > coalesce((SELECT max(reference) FROM looked_up), '') ORDER BY reference LIMIT ?",
            (AT_ONCE,),
        )
        return [reference for (reference,) in found]

    def looked_up(self, last: str) -> None:
        """Record that the ledger was searched for all references up to the last one."""
        with self._database:
            self._database.execute("INSERT OR IGNORE INTO looked_up VALUES (?)", (last,))

    def hours_of_strangers(self) -> list[datetime]:
        """Return the hours with charges that match neither a generation nor a call that was read."""
        found = self._database.execute(
            "SELECT DISTINCT hour FROM movements WHERE own IS NULL AND reference IS NOT NULL "
            "AND reference NOT IN (SELECT reference FROM calls)"
        )
        return [datetime.fromisoformat(hour) for (hour,) in found]

    def named(self) -> Iterator[str]:
        """Yield the generations that the log names for charges without a generation."""
        found = self._database.execute(
            "SELECT DISTINCT calls.generation_id FROM movements JOIN calls USING (reference) "
            "WHERE movements.own IS NULL AND calls.generation_id IS NOT NULL"
        )
        return (generation_id for (generation_id,) in found)


def is_usable(path: Path) -> bool:
    """Return whether the file is a book of this version and undamaged."""
    try:
        with closing(sqlite3.connect(path)) as database:
            found = database.execute("PRAGMA user_version").fetchone()
            state = database.execute("PRAGMA quick_check(1)").fetchone()
            return (found, state) == ((VERSION,), ("ok",))
    except sqlite3.DatabaseError:
        return False


def _belongs_to_a_generation(one: Movement) -> bool:
    return (one.kind == CHARGE and one.credits >= 0) or (
        one.kind == REFUND and one.reference is not None and one.credits < 0
    )
