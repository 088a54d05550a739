"""Messages of a queue."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import BotoCoreError, ClientError

import wiring


def hide(queue_url: str, message: SQSRecord, seconds: int) -> None:
    """Hide a message for `seconds`. If that fails, it reappears after the queue's visibility timeout."""
    with suppress(BotoCoreError, ClientError):
        wiring.client("sqs").change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=seconds
        )


def send(queue_url: str, message: Mapping[str, Any], seconds: int) -> None:
    """Send a message that appears after `seconds`, at most 900."""
    wiring.client("sqs").send_message(QueueUrl=queue_url, MessageBody=json.dumps(message), DelaySeconds=seconds)
