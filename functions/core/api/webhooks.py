"""Webhooks over HTTP: an owner's deliveries, and the secret that signs them."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import NotFound
from core.generation import iso
from core.webhooks.queued import as_queued
from core.webhooks.records import OVERLAP, Delivery, SecretVersions, WebhookRecords
from core.webhooks.secret import secret_of

MAX_LIMIT, DEFAULT_LIMIT = 100, 20
DELIVERY_ID = "^msg_[0-9a-f]{32}$"


@dataclass(frozen=True)
class WebhookApi:
    """Shows and repeats deliveries, shows and rotates secrets. An owner sees only its own."""

    records: WebhookRecords
    master: Callable[[], str]  # returns the secret that each owner's secret derives from
    send: Callable[..., Any]  # sends a message to the queue, given its MessageBody

    def list(self, owner: str, cursor: str | None, limit: int) -> dict[str, Any]:
        """Return a page of the deliveries, newest first."""
        found, next_cursor = self.records.of_owner(owner, cursor, limit)
        return {"data": [_shown(one) for one in found], "next_cursor": next_cursor}

    def redeliver(self, owner: str, delivery_id: str) -> dict[str, Any]:
        """Send a delivery again now, whatever its status, with the same id. Repeating the call is harmless."""
        delivery = self._own(owner, delivery_id)
        again = self.records.again(delivery)
        self.send(MessageBody=json.dumps(as_queued(again)))
        return _shown(again)

    def secret(self, owner: str) -> dict[str, Any]:
        """Return the secret that signs the owner's webhooks."""
        return self._told(owner, self.records.secret_versions(owner))

    def rotate(self, owner: str) -> dict[str, Any]:
        """Replace the secret. For a day, webhooks are also signed with the previous one."""
        return self._told(owner, self.records.change_secret(owner))

    def _told(self, owner: str, versions: SecretVersions) -> dict[str, Any]:
        secret = secret_of(self.master(), owner, versions.latest)
        earlier = versions.changed_at[:1]
        ends = iso(earlier[0] + OVERLAP) if earlier else None
        return {"secret": secret, "version": versions.latest, "previous_until": ends}

    def _own(self, owner: str, delivery_id: str) -> Delivery:
        """Return the owner's delivery. Raise the same `NotFound` for an unknown one and for one of another owner."""
        found = self.records.find(delivery_id) if re.fullmatch(DELIVERY_ID, delivery_id, re.ASCII) else None
        if found is None or found.owner != owner:
            raise NotFound(f"There is no delivery {delivery_id[:64]}: GET /v2/webhooks/deliveries lists yours.")
        return found


def _shown(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as its owner sees it."""
    hidden = ("delivery_id", "owner", "body", "begun_at")
    shown = {name: value for name, value in asdict(delivery).items() if name not in hidden}
    times = {name: (at := getattr(delivery, name)) and iso(at) for name in ("created_at", "due_at", "ended_at")}
    return {"id": delivery.delivery_id, **shown, **times}
