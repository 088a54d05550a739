"""Make and read the messages of the queue for deliveries that have a record.

The first message of a delivery is not made here: it is the event of the announcement.
"""

from collections.abc import Mapping
from typing import Any

from core.generation import iso
from core.records.table import DELIVERY_KEY
from core.webhooks.records import Delivery


def as_queued(delivery: Delivery, *, postponed: int = 0) -> dict[str, Any]:
    """Return the message of the queue for a delivery that was `postponed` so often in a row."""
    return {DELIVERY_KEY: delivery.delivery_id, "begun_at": iso(delivery.begun_at), "postponed": postponed}


def series_of(queued: Mapping[str, Any]) -> str | None:
    """Return when the series of attempts of a message began."""
    return queued.get("begun_at")


def postponed(queued: Mapping[str, Any]) -> int:
    """Return how often a message of the queue was postponed since its latest attempt."""
    return int(queued.get("postponed", 0))
