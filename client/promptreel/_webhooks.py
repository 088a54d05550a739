"""The calls of `Client` that are about webhooks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from promptreel._http import Http

DELIVERIES, SECRET = "/v2/webhooks/deliveries", "/v2/webhooks/secret"
PAGE = 100


@dataclass(frozen=True)
class Webhook:
    """A URL to notify when a job ends, and of which ends: `completed`, `failed`, or both if none is named."""

    url: str = field(repr=False)  # it may hold a secret
    events: Iterable[str] = ()


@dataclass(frozen=True)
class Delivery:
    """What became of telling one webhook of one end."""

    id: str  # the header webhook-id
    generation_id: str
    type: str  # generation.completed or generation.failed
    url: str = field(repr=False)
    status: str  # pending, delivered or dead
    attempts: int
    created_at: datetime
    due_at: datetime | None  # of the next attempt
    answered: int | None  # the status of the latest answer
    problem: str | None  # why the latest attempt failed
    raw: Mapping[str, Any] = field(repr=False, compare=False)  # the API's own object

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Delivery":
        """The delivery in the API's answer."""
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
    """Shows and repeats the deliveries of one API key's owner, and gives the secret to verify them by."""

    _http: Http

    def webhook_deliveries(self, limit: int | None = None) -> Iterator[Delivery]:
        """What became of your webhooks, newest first, at most `limit`, fetched as you iterate."""
        params: dict[str, str | int] = {}
        while limit is None or limit > 0:
            page = self._http.call("GET", DELIVERIES, params={"limit": min(PAGE, limit or PAGE), **params})
            for raw in page["data"]:
                yield Delivery.from_json(raw)
            limit = None if limit is None else limit - len(page["data"])
            if not page.get("next_cursor"):
                return
            params["cursor"] = page["next_cursor"]

    def redeliver(self, delivery_id: str) -> Delivery:
        """Send one again, now, whatever became of it; `NotFound`. Its id stays, by which a receiver knows it."""
        path = f"{DELIVERIES}/{quote(delivery_id, safe='')}/redeliver"
        return Delivery.from_json(self._http.call("POST", path))

    def webhook_secret(self, *, rotate: bool = False) -> str:
        """The secret that your webhooks are signed with, which a receiver verifies them by.

        With `rotate` it is another from now on; for a day they are signed with both.
        """
        answer = self._http.call("POST", f"{SECRET}/rotate") if rotate else self._http.call("GET", SECRET)
        return str(answer["secret"])
