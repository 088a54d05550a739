"""Make the message of a webhook: the announcement, in the format and with the signature of Standard Webhooks.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from standardwebhooks import Webhook

from core.generation import Status, digest


def kind_of(announced: Mapping[str, Any]) -> str:
    """Return the type of a message."""
    return "generation.completed" if announced["status"] == Status.COMPLETED else "generation.failed"


def id_of(announced: Mapping[str, Any]) -> str:
    """Return the id of a message, the same for each announcement of an end. The end after a rescue has another id."""
    return f"msg_{digest('webhook', announced['generation_id'], str(announced['ended_at']))}"


def body_of(announced: Mapping[str, Any]) -> str:
    """Return the message as JSON, in the exact form that is sent and signed."""
    message = {"type": kind_of(announced), "timestamp": announced["ended_at"], "data": announced}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def headers(secrets: Iterable[str], message_id: str, sent_at: datetime, body: str) -> dict[str, str]:
    """Return the headers of a message, signed with each secret; `sent_at` is in UTC."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, sent_at, body) for secret in secrets),
    }
