"""What a webhook is sent: the announcement, in the form and with the signature of Standard Webhooks.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from standardwebhooks import Webhook

from core.generation import Status, digest


def kind_of(announced: Mapping[str, Any]) -> str:
    """The type of a message."""
    return "generation.completed" if announced["status"] == Status.COMPLETED else "generation.failed"


def id_of(announced: Mapping[str, Any]) -> str:
    """The id of a message: the same for the same end, however often it is announced. A rescue makes another end."""
    return f"msg_{digest('webhook', announced['generation_id'], str(announced['ended_at']))}"


def body_of(announced: Mapping[str, Any]) -> str:
    """The message as JSON, byte for byte as it is sent and signed."""
    message = {"type": kind_of(announced), "timestamp": announced["ended_at"], "data": announced}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def headers(secrets: Iterable[str], message_id: str, sent_at: datetime, body: str) -> dict[str, str]:
    """The headers of a message that is sent then, which is in UTC, signed with each secret."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, sent_at, body) for secret in secrets),
    }
