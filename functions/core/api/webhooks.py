"""Webhooks over HTTP: an owner's deliveries, and the secret by which receivers know them."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from core.api.http import Answer, Request, as_json
from core.errors import NotFound
from core.generation import iso
from core.records.table import DELIVERY_KEY
from core.webhooks.records import CURSOR, OVERLAP, Delivery, SecretVersions, WebhookRecords
from core.webhooks.secret import secret_of

MAX_LIMIT, DEFAULT_LIMIT = 100, 20
DELIVERY_ID = "^msg_[0-9a-f]{32}$"


@dataclass(frozen=True)
class WebhookApi:
    """What a user may do with webhooks. An owner sees its own alone."""

    records: WebhookRecords
    master: Callable[[], str]  # of which the owners' secrets are made
    send: Callable[..., Any]  # a message to the queue, by its MessageBody

    def list(self, request: Request) -> Answer:
        """A page of the deliveries, newest first."""
        owner, limit = request.owner, request.number("limit", MAX_LIMIT) or DEFAULT_LIMIT
        found, next_cursor = self.records.of_owner(owner, request.cursor(CURSOR), limit)
        return as_json({"data": [_shown(one) for one in found], "next_cursor": next_cursor})

    def redeliver(self, request: Request) -> Answer:
        """Send one again, now, whatever became of it; its id stays. Harmless to repeat."""
        delivery = self._own(request.owner, request.named["id"])
        again = self.records.again(delivery)
        self.send(MessageBody=json.dumps({DELIVERY_KEY: delivery.delivery_id}))
        return as_json(_shown(again))

    def secret(self, request: Request) -> Answer:
        """The secret that messages are signed with."""
        owner = request.owner
        return self._told(owner, self.records.secret_versions(owner))

    def rotate(self, request: Request) -> Answer:
        """Another secret, from now on; for a day messages are signed with the one before, too."""
        owner = request.owner
        return self._told(owner, self.records.change_secret(owner))

    def _told(self, owner: str, versions: SecretVersions) -> Answer:
        secret = secret_of(self.master(), owner, versions.latest)
        earlier = versions.changed_at[:1]
        ends = iso(earlier[0] + OVERLAP) if earlier else None
        return as_json({"secret": secret, "version": versions.latest, "previous_until": ends})

    def _own(self, owner: str, delivery_id: str) -> Delivery:
        """The owner's delivery; the answer is the same for another's as for one that does not exist."""
        found = self.records.find(delivery_id) if re.fullmatch(DELIVERY_ID, delivery_id, re.ASCII) else None
        if found is None or found.owner != owner:
            raise NotFound(f"There is no delivery {delivery_id[:64]}.")
        return found


def _shown(delivery: Delivery) -> dict[str, Any]:
    """A delivery as its owner sees it."""
    shown = {name: value for name, value in asdict(delivery).items() if name not in ("delivery_id", "owner", "body")}
    times = {name: (at := getattr(delivery, name)) and iso(at) for name in ("created_at", "due_at", "ended_at")}
    return {"id": delivery.delivery_id, **shown, **times}
