"""What is known of webhooks: their deliveries, and the secret of which owners' secrets are made."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import wiring

if TYPE_CHECKING:
    from core.webhooks.records import WebhookRecords


@dataclass(frozen=True)
class UsesWebhooks:
    webhooks_table_name: str
    webhooks_secret: str
    webhooks_queue_url: str


def make_webhook_records(settings: UsesWebhooks) -> "WebhookRecords":
    """Deliveries, and how often secrets were changed."""
    from core.webhooks.records import WebhookRecords  # noqa: PLC0415 - few requests are about them

    return WebhookRecords(wiring.client("dynamodb"), settings.webhooks_table_name, wiring.now)


def read_master(settings: UsesWebhooks) -> str:
    """The deployment's secret."""
    from core.secrets import secret_text  # noqa: PLC0415 - the same

    found = secret_text(wiring.client("secretsmanager"), settings.webhooks_secret)
    if found is None:
        raise LookupError("The secret of which webhooks' secrets are made has no value: deploy the stack again.")
    return found
