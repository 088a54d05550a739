"""Limit how many rows of an API key or an owner may be rejected in an hour, because rejected rows cost nothing."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.batches.table import BatchRecords
from core.errors import TooManyRejectedRows

logger = logging.getLogger("promptreel")

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class RejectionLimit:
    """Limits the rejected rows in an hour (UTC) of each API key, and of each owner for files without a key."""

    records: BatchRecords
    an_hour: int
    on_exceeded: Callable[[], None]  # called once for each key and hour

    def check(self, owner: str, key_line: str | None) -> None:
        """Raise `TooManyRejectedRows` if the limit is reached, so that nothing more is read in this hour."""
        hour = self._hour()
        if self.records.rejected_in(_counter(owner, key_line, hour)) >= self.an_hour:
            raise TooManyRejectedRows(self._message(hour))

    def count(self, owner: str, key_line: str | None, rows: int) -> str | None:
        """Count rejected rows. Return why no more rows may start if the limit is reached, and None otherwise.

        If a function dies, a row may be counted twice, which does not matter for a safeguard.
        """
        hour = self._hour()
        after = self.records.add_rejected(_counter(owner, key_line, hour), rows, hour + 2 * HOUR)
        if after - rows < self.an_hour <= after:
            logger.warning("limit of rejected rows reached", extra={"owner": owner, "key": key_line})
            self.on_exceeded()
        return self._message(hour) if after >= self.an_hour else None

    def hourly(self, owner: str, key_line: str | None) -> str:
        """Return a name that is the same for this key, or this owner, during this hour."""
        return _counter(owner, key_line, self._hour())

    def _hour(self) -> datetime:
        return self.records.now().replace(minute=0, second=0, microsecond=0)

    def _message(self, hour: datetime) -> str:
        return (
            f"At least {self.an_hour:,} rows were rejected in this hour, which is the limit. Correct the rows, then "
            f"send the file again after {hour + HOUR:%H:%M} UTC."
        )


def _counter(owner: str, key_line: str | None, hour: datetime) -> str:
    payer = f"key/{key_line}" if key_line else f"owner/{owner}"
    return f"rejected/{payer}/{hour:%Y-%m-%dT%H}"
