"""Deliver a message of the queue, and retry until the receiver has accepted it or the last attempt has failed.

Repeated or concurrent invocations send the message at least once, always with the same id.
"""

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.errors import NotFound
from core.records.ledger import Ledger
from core.records.table import DELIVERY_KEY
from core.webhooks.message import body_of, headers, id_of, kind_of
from core.webhooks.records import LEASE, Delivery, State, WebhookRecords
from core.webhooks.secret import secret_of
from core.webhooks.sending import Answer, Sender

# Between attempts, a day in total. SQS hides a message for 12 hours at most.
WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 2 * 60, 10 * 60, 30 * 60, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 8 * 3600)
)
JITTER = 0.1  # of each wait, so that messages that failed together are not retried together
USER_AGENT = "Promptreel-Webhooks/1 (+https://www.standardwebhooks.com)"


@dataclass(frozen=True)
class Courier:
    """Delivers the messages of the queue."""

    ledger: Ledger
    records: WebhookRecords
    sender: Sender
    master: Callable[[], str]  # returns the secret that all owners' secrets derive from
    tell: Callable[[Delivery, Answer, timedelta | None], None]  # called after each attempt, with the time to the next

    def take(self, message: Mapping[str, Any]) -> timedelta | None:
        """Handle the event of an announcement, or {"delivery_id"}. Return the time to the next invocation, if any."""
        if DELIVERY_KEY in message:
            delivery = self.records.find(message[DELIVERY_KEY])
        else:
            delivery = self._announced(message["detail"])
        if delivery is None or delivery.status is not State.PENDING:
            return None
        now = self.records.now()
        if delivery.due_at and delivery.due_at > now:
            return delivery.due_at - now
        claimed = self.records.claim(delivery)
        return self._attempt(claimed) if claimed else LEASE

    def _announced(self, announced: Mapping[str, Any]) -> Delivery | None:
        """Return the delivery of an announcement, if it has a webhook. Its URL is only in the record."""
        found = self.records.find(id_of(announced))
        if found:
            return found
        webhook = None
        with suppress(NotFound):  # already deleted by its owner
            webhook = self.ledger.get(announced["generation_id"]).webhook
        if webhook is None:
            return None
        now = self.records.now()
        return self.records.add(
            Delivery(
                delivery_id=id_of(announced),
                owner=announced["owner"],
                generation_id=announced["generation_id"],
                type=kind_of(announced),
                url=webhook.url,
                body=body_of(announced),
                created_at=now,
                due_at=now,
            )
        )

    def _attempt(self, delivery: Delivery) -> timedelta | None:
        versions = self.records.secret_versions(delivery.owner).all
        secrets = [secret_of(self.master(), delivery.owner, version) for version in versions]
        signed = headers(secrets, delivery.delivery_id, self.records.now(), delivery.body)
        answer = self.sender.post(delivery.url, delivery.body.encode(), {"User-Agent": USER_AGENT, **signed})
        wait = self._wait(delivery, answer)
        self.tell(delivery, answer, wait)  # before the write, so that a failed delivery is reported at least once
        if answer.problem is None:
            self.records.delivered(delivery, answer.status)
        else:
            due_at = self.records.now() + wait if wait else None
            self.records.failed(delivery, answer.status, answer.problem, due_at)
        return wait

    def _wait(self, delivery: Delivery, answer: Answer) -> timedelta | None:
        if answer.problem is None or answer.is_final or delivery.attempts > len(WAITS):
            return None
        return WAITS[delivery.attempts - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311 - nothing secret
