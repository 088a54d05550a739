"""Simulate the queue in front of deliver_webhook."""

import json
from dataclasses import dataclass
from typing import Any
from unittest import mock

from tests.support.functions import Cloud
from wiring import queue


@dataclass(frozen=True)
class Sent:
    """A message that was sent to the queue again, and its delay in seconds."""

    message: dict[str, Any]
    delay: int


def deliver(cloud: Cloud, body: dict[str, Any], receives: int = 1, *, warm: bool = True) -> list[Sent]:
    """Invoke the function with a message of the queue, and return the messages that it sends to the queue again."""
    message = {
        "messageId": "m1",
        "receiptHandle": "r1",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": str(receives)},
    }
    with mock.patch("deliver_webhook.send", wraps=queue.send) as send:
        cloud.invoke("deliver_webhook", {"Records": [message]}, warm=warm)
    return [Sent(dict(call.args[1]), call.args[2]) for call in send.call_args_list]


def as_event(announced: dict[str, Any]) -> dict[str, Any]:
    """Return the event that the bus makes from an announcement."""
    return {"detail-type": "Generation Failed", "source": "promptreel", "detail": announced}
