"""Deliver webhooks: send announcements to the URLs of their requests, and retry for a day until they are accepted."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools.utilities.data_classes import SQSEvent, event_source

from core import settings
from core.webhooks.courier import Courier
from core.webhooks.records import Delivery
from core.webhooks.sending import Answer, Sender
from wiring import logger
from wiring.ledger import UsesLedger, make_ledger
from wiring.metrics import count_dead_webhook
from wiring.queue import hide, send
from wiring.webhooks import UsesSenders, make_master, make_senders, make_webhook_records

RETRY_SECONDS, MOST_SECONDS = 30, 900  # after an internal error, longer each time


@dataclass(frozen=True)
class Settings(UsesLedger, UsesSenders):
    allow_local_webhooks: bool


@cache
def _settings() -> Settings:
    return settings.read(Settings)


@cache
def _wired() -> Courier:
    s = _settings()
    return Courier(
        ledger=make_ledger(s),
        records=make_webhook_records(s),
        senders=make_senders(s),
        sender=Sender(local=s.allow_local_webhooks),
        master=make_master(s),
        tell=_log_attempt,
    )


@logger.inject_lambda_context
@event_source(data_class=SQSEvent)
def handler(event: SQSEvent, _context: object) -> None:
    """Deliver an SQS message: an event of the bus, or a message made by `core.webhooks.queued.as_queued`."""
    courier, queue_url = _wired(), _settings().webhooks_queue_url
    for message in event.records:  # always one
        try:
            if again := courier.take(message.json_body):
                send(queue_url, again.message, ceil(again.delay.total_seconds()))
        except Exception:
            seconds = RETRY_SECONDS * int(message.attributes.approximate_receive_count)
            hide(queue_url, message, min(seconds, MOST_SECONDS))
            raise


def _log_attempt(delivery: Delivery, answer: Answer, wait: timedelta | None) -> None:
    """Log the outcome of an attempt. The log has only the host of the URL, because the rest may contain secrets."""
    known: dict[str, Any] = {
        "delivery_id": delivery.delivery_id,
        "generation_id": delivery.generation_id,
        "owner": delivery.owner,
        "host": urlsplit(delivery.url).hostname,
        "attempt": delivery.attempts,
        "answered": answer.status,
        **({"detail": answer.detail} if answer.detail else {}),
    }
    if answer.problem is None:
        logger.info("webhook delivered", **known)
    elif wait:
        logger.info("webhook failed, retrying", reason=answer.problem, seconds=ceil(wait.total_seconds()), **known)
    else:
        count_dead_webhook()
        logger.warning("webhook given up", reason=answer.problem, **known)
