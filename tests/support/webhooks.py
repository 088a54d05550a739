"""Simulate the queue in front of deliver_webhook."""

import json
from typing import Any

import boto3

from tests.support.functions import Cloud


def deliver(cloud: Cloud, body: dict[str, Any], receives: int = 1, *, warm: bool = True) -> list[dict[str, str]]:
    """Invoke the function with a message of the queue, and return the messages to deliver again."""
    sqs, url = boto3.client("sqs"), cloud.environment["WEBHOOKS_QUEUE_URL"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    received = sqs.receive_message(QueueUrl=url)["Messages"][0]
    message = {
        "messageId": "m1",
        "receiptHandle": received["ReceiptHandle"],
        "body": received["Body"],
        "attributes": {"ApproximateReceiveCount": str(receives)},
    }
    answer = cloud.invoke("deliver_webhook", {"Records": [message]}, warm=warm)
    again: list[dict[str, str]] = answer["batchItemFailures"]
    return again


def as_event(announced: dict[str, Any]) -> dict[str, Any]:
    """Return the event that the bus makes from an announcement."""
    return {"detail-type": "Generation Failed", "source": "promptreel", "detail": announced}
