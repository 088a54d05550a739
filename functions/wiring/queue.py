"""Messages of a queue."""

from contextlib import suppress

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import BotoCoreError, ClientError

import wiring


def hide(queue_url: str, message: SQSRecord, seconds: int) -> None:
    """Hide a message for `seconds`. If that fails, it reappears after the queue's visibility timeout."""
    with suppress(BotoCoreError, ClientError):
        wiring.client("sqs").change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=seconds
        )
