"""Places over HTTP: how many there are, are held and are waited for, now and in the last days; of all owners, and of
none by name."""

from dataclasses import asdict, dataclass
from datetime import timedelta

from core.api.http import Answer, Request, as_json
from core.generation import Clock
from core.places.history import History
from core.places.table import PLACE, WAITING, PlacesTable

SHOWN = timedelta(days=7)


@dataclass(frozen=True)
class PlacesApi:
    """What a user may know of the places at the provider."""

    table: PlacesTable
    history: History
    limit: int
    now: Clock

    def tell(self, request: Request) -> Answer:
        """How many there are and wait, and the hours of the last days."""
        _ = request.owner
        return as_json(
            {
                "limit": self.limit,
                "held": self.table.count(PLACE),
                "waiting": self.table.count(WAITING),
                "hours": [asdict(hour) for hour in self.history.since(self.now() - SHOWN)],
            }
        )
