"""The deliveries of webhooks, and the secret from which each owner's secret is made."""

from collections.abc import Callable
from dataclasses import dataclass

import wiring
from core.webhooks.records import WebhookRecords
from wiring.secrets import CachedSecret

MASTER_SECONDS = 3600  # it never changes


@dataclass(frozen=True)
class UsesWebhooks:
    webhooks_table_name: str
    webhooks_secret: str
    webhooks_queue_url: str


def make_webhook_records(settings: UsesWebhooks) -> WebhookRecords:
    """Return the records of deliveries and of how often secrets were changed."""
    return WebhookRecords(wiring.client("dynamodb"), settings.webhooks_table_name, wiring.now)


def make_master(settings: UsesWebhooks) -> Callable[[], str]:
    """Return what reads the deployment's secret; it raises LookupError if there is none."""
    secret = CachedSecret(settings.webhooks_secret, MASTER_SECONDS)

    def read() -> str:
        found = secret.text()
        if found is None:
            raise LookupError("The secret of which webhooks' secrets are made has no value: deploy the stack again.")
        return found

    return read
