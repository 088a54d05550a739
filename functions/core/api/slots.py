"""Slots over HTTP: how many exist, how many are in use, and how many jobs are queued, for all owners together."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from core.generation import Clock
from core.slots.history import History
from core.slots.table import SLOT, WAITING, SlotsTable

SHOWN = timedelta(days=7)


@dataclass(frozen=True)
class SlotsApi:
    """Shows the slots at the provider."""

    table: SlotsTable
    history: History
    limit: int
    now: Clock

    def tell(self) -> dict[str, Any]:
        """Return how many slots exist and are in use, how many jobs are queued, and the hourly means of seven days."""
        return {
            "limit": self.limit,
            "held": self.table.count(SLOT),
            "waiting": self.table.count(WAITING),
            "hours": [asdict(hour) for hour in self.history.since(self.now() - SHOWN)],
        }
