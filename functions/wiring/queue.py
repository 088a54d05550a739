"""The messages that a queue brings."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

import wiring


def hide(queue_url: str, message: Mapping[str, Any], seconds: int) -> None:
    """Let a message that is not done come again after so long; where that fails, after as long as the queue says."""
    with suppress(BotoCoreError, ClientError):
        wiring.client("sqs").change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=message["receiptHandle"], VisibilityTimeout=seconds
        )
