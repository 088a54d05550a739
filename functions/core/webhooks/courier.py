"""Deliver a message of the queue, and retry until the receiver has accepted it or a day is over.

Repeated or concurrent invocations send the message at least once, always with the same id. If a message has to wait, a
new one is sent to the queue with a delay, and the received one is deleted. So waiting does not count towards the most
receives of a message, or the most messages that SQS can hide. A crash can cause two messages of one delivery, which do
no harm.
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
from core.webhooks.queued import as_queued, postponed, series_of
from core.webhooks.records import LEASE, Delivery, State, WebhookRecords
from core.webhooks.secret import secret_of
from core.webhooks.senders import Permit, Senders
from core.webhooks.sending import Answer, Sender, host_of

# The times between attempts, a day in total.
WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 2 * 60, 10 * 60, 30 * 60, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 8 * 3600)
)
JITTER = 0.1  # of each wait, so that messages that failed together are not retried together
TRIED_FOR = timedelta(hours=27)  # longer than all waits with their jitter
LONGEST_DELAY = timedelta(minutes=15)  # of a message, the most that SQS allows
NOT_SENT = "It was not sent within a day, because the receiver failed or was too slow to accept all messages."
USER_AGENT = "Promptreel-Webhooks/1 (+https://www.standardwebhooks.com)"


@dataclass(frozen=True)
class Again:
    """A message to send to the queue again, and how long it is delayed there."""

    message: Mapping[str, Any]
    delay: timedelta


@dataclass(frozen=True)
class Courier:
    """Delivers the messages of the queue."""

    ledger: Ledger
    records: WebhookRecords
    senders: Senders
    sender: Sender
    master: Callable[[], str]  # returns the secret that all owners' secrets derive from
    tell: Callable[[Delivery, Answer, timedelta | None], None]  # called after each attempt, with the time to the next

    def take(self, message: Mapping[str, Any]) -> Again | None:
        """Handle the event of an announcement, or what `as_queued` made. Return what to send to the queue, if any."""
        delivery = self._delivery(message)
        if delivery is None or delivery.status is not State.PENDING:
            return None
        now = self.records.now()
        if delivery.due_at and delivery.due_at > now:
            return _again(delivery, delivery.due_at - now)
        permit = self.senders.take(delivery.owner, host_of(delivery.url))
        if permit is None:
            return self._postponed(delivery, postponed(message))
        try:
            claimed = self.records.claim(delivery)
            wait = self._attempt(claimed, permit) if claimed else LEASE
        finally:
            self.senders.free(permit)
        return _again(delivery, wait) if wait else None

    def _delivery(self, message: Mapping[str, Any]) -> Delivery | None:
        """Return the delivery of a message, or None if its owner has sent it again since, by another message."""
        if DELIVERY_KEY not in message:
            delivery = self._announced(message["detail"])
            return delivery if delivery and delivery.begun_at == delivery.created_at else None
        delivery = self.records.find(message[DELIVERY_KEY])
        return delivery if delivery and series_of(as_queued(delivery)) == series_of(message) else None

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
                begun_at=now,
                due_at=now,
            )
        )

    def _postponed(self, delivery: Delivery, times: int) -> Again | None:
        """Let a message wait that may not be sent now, longer each time. Give up the delivery when its day is over."""
        if self.records.now() - delivery.begun_at > TRIED_FOR:
            self._give_up(delivery)
            return None
        longest = min(timedelta(seconds=2 ** min(times, 20)), LONGEST_DELAY)
        delay = longest * random.uniform(0.5, 1)  # noqa: S311 - nothing secret
        return Again(as_queued(delivery, postponed=times + 1), delay)

    def _give_up(self, delivery: Delivery) -> None:
        problem = delivery.problem or NOT_SENT
        self.tell(delivery, Answer(delivery.answered, problem), None)  # before the write, as in `_attempt`
        self.records.failed(delivery, delivery.answered, problem, None)

    def _attempt(self, delivery: Delivery, permit: Permit) -> timedelta | None:
        versions = self.records.secret_versions(delivery.owner).all
        secrets = [secret_of(self.master(), delivery.owner, version) for version in versions]
        signed = headers(secrets, delivery.delivery_id, self.records.now(), delivery.body)
        began = self.records.now()
        answer = self.sender.post(delivery.url, delivery.body.encode(), {"User-Agent": USER_AGENT, **signed})
        took = self.records.now() - began
        wait = self._wait(delivery, answer)
        self.tell(delivery, answer, wait)  # before the write, so that a failed delivery is reported at least once
        if answer.problem is None:
            self.records.delivered(delivery, answer.status)
        else:
            due_at = self.records.now() + wait if wait else None
            self.records.failed(delivery, answer.status, answer.problem, due_at)
        if not answer.is_final:
            self.senders.answered(permit.receiver, failed=answer.problem is not None, took=took)
        return wait

    def _wait(self, delivery: Delivery, answer: Answer) -> timedelta | None:
        """Return the time to the next attempt, or None after the last one."""
        if answer.problem is None or answer.is_final:
            return None
        wait = WAITS[min(delivery.attempts, len(WAITS)) - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311 - nothing secret
        return wait if self.records.now() + wait - delivery.begun_at <= TRIED_FOR else None


def _again(delivery: Delivery, wait: timedelta) -> Again:
    return Again(as_queued(delivery), min(wait, LONGEST_DELAY))
