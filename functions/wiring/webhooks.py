"""The deliveries of webhooks, and the deployment's secret, which all owners' secrets derive from."""

from collections.abc import Callable
from dataclasses import dataclass

import wiring
from core.webhooks.records import WebhookRecords
from core.webhooks.senders import Senders
from wiring.secrets import CachedSecret

MASTER_SECONDS = 3600  # it never changes


@dataclass(frozen=True)
class UsesWebhooks:
    webhooks_table_name: str
    webhooks_secret: str
    webhooks_queue_url: str


@dataclass(frozen=True)
class UsesSenders(UsesWebhooks):
    senders: int


def make_webhook_records(settings: UsesWebhooks) -> WebhookRecords:
    """Return the records of deliveries and of changed secrets."""
    return WebhookRecords(wiring.client("dynamodb"), settings.webhooks_table_name, wiring.now)


def make_senders(settings: UsesSenders) -> Senders:
    """Return the senders, which are in the table of deliveries."""
    return Senders(wiring.client("dynamodb"), settings.webhooks_table_name, wiring.now, settings.senders)


def make_master(settings: UsesWebhooks) -> Callable[[], str]:
    """Return a function that reads the deployment's secret. It raises LookupError without one."""
    secret = CachedSecret(settings.webhooks_secret, MASTER_SECONDS)

    def read() -> str:
        found = secret.text()
        if found is None:
            raise LookupError("The secret for webhooks has no value. Deploy the stack again.")
        return found

    return read
