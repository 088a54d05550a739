"""The methods of `Client` for webhooks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import quote

from promptreel._http import Http

DELIVERIES, SECRET = "/v2/webhooks/deliveries", "/v2/webhooks/secret"
PAGE = 100


@dataclass(frozen=True)
class Webhook:
    """A URL to notify when a job ends, and the events to notify it of: `completed`, `failed`, or both if empty."""

    url: str = field(repr=False)  # hidden, because it may contain a secret
    events: Iterable[str] = ()


@dataclass(frozen=True)
class Delivery:
    """The delivery of one event to one webhook."""

    id: str  # the header webhook-id
    generation_id: str
    type: str  # generation.completed or generation.failed
    url: str = field(repr=False)
    status: str  # pending, delivered or dead
    attempts: int
    created_at: datetime
    due_at: datetime | None  # the time of the next attempt
    answered: int | None  # the HTTP status of the latest response
    problem: str | None  # why the latest attempt failed
    raw: Mapping[str, Any] = field(repr=False, compare=False)  # the API's own object

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Delivery":
        """Read the delivery from the API's response."""
        return cls(
            id=raw["id"],
            generation_id=raw["generation_id"],
            type=raw["type"],
            url=raw["url"],
            status=raw["status"],
            attempts=raw["attempts"],
            created_at=datetime.fromisoformat(raw["created_at"]),
            due_at=datetime.fromisoformat(raw["due_at"]) if raw.get("due_at") else None,
            answered=raw.get("answered"),
            problem=raw.get("problem"),
            raw=raw,
        )


class Webhooks:
    """The part of `Client` that lists and repeats webhook deliveries and returns the signing secret."""

    _http: Http

    def webhook_deliveries(self, limit: int | None = None) -> Iterator[Delivery]:
        """Yield your webhook deliveries, newest first, at most `limit`. They are fetched as you iterate."""
        found = self._http.pages(DELIVERIES, {"limit": min(PAGE, limit or PAGE)})
        yield from map(Delivery.from_json, islice(found, limit))

    def redeliver(self, delivery_id: str) -> Delivery:
        """Send a delivery again now, whatever its status, with the same id. Raise `NotFound` if it is unknown."""
        path = f"{DELIVERIES}/{quote(delivery_id, safe='')}/redeliver"
        return Delivery.from_json(self._http.call("POST", path))

    def webhook_secret(self, *, rotate: bool = False) -> str:
        """Return the secret that signs your webhooks. Receivers use it to verify them.

        With `rotate`, create a new secret. For a day, webhooks are signed with both secrets.
        """
        answer = self._http.call("POST", f"{SECRET}/rotate") if rotate else self._http.call("GET", SECRET)
        return str(answer["secret"])
