"""Reprocess messages in the dead-letter queues."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from promptreel.operator.deployment import Deployment

HIDDEN_SECONDS = 120  # longer than record_failure may take
WAIT_SECONDS = 1  # long polling, so that SQS queries all of a queue's servers


@dataclass(frozen=True)
class Redriven:
    """The number of messages that were reprocessed, and the errors of those that failed again."""

    taken: int
    faults: list[str]


def redrive_queue(deployment: Deployment, name: str) -> Redriven:
    """Move the dead letters of `Ingest` or `Webhooks` back to their queue."""
    sqs, queue = deployment.client("sqs"), deployment.output(f"{name}QueueUrl")

    def send(body: str) -> None:
        sqs.send_message(QueueUrl=queue, MessageBody=body)

    return _redrive(sqs, deployment.output(f"{name}DeadLetterQueueUrl"), send)


def redrive_failures(deployment: Deployment) -> Redriven:
    """Invoke RecordFailure again for the failures of generations that it could not record."""
    lambdas, function = deployment.client("lambda"), deployment.output("RecordFailureFunctionName")

    def record(body: str) -> str | None:
        said = json.loads(body)
        # Lambda wraps the event in a record of the failed invocation; EventBridge sends the plain event.
        event = said.get("requestPayload", said)
        answer = lambdas.invoke(FunctionName=function, Payload=json.dumps(event))
        if "FunctionError" not in answer:
            return None
        error = json.loads(answer["Payload"].read())
        return f"{error.get('errorType', 'error')}: {error.get('errorMessage', '')}"

    return _redrive(deployment.client("sqs"), deployment.output("DeadLetterQueueUrl"), record)


def _redrive(sqs: Any, queue: str, again: Callable[[str], str | None]) -> Redriven:
    """Process each message once. `again` takes its body and returns an error or None.

    A message is deleted only after success, so none is lost if this process dies. Processing it twice is harmless.
    """
    taken, faults, seen = 0, [], set()
    for message in _messages(sqs, queue):
        if message["MessageId"] in seen:
            break  # all remaining messages have been tried
        seen.add(message["MessageId"])
        if fault := again(message["Body"]):
            faults.append(fault)
            continue
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        taken += 1
    return Redriven(taken, faults)


def _messages(sqs: Any, queue: str) -> Iterator[dict[str, Any]]:
    asked = {"QueueUrl": queue, "MaxNumberOfMessages": 1, "VisibilityTimeout": HIDDEN_SECONDS}
    while found := sqs.receive_message(**asked, WaitTimeSeconds=WAIT_SECONDS).get("Messages"):
        yield found[0]
