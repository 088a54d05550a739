"""What was given up and lies in a dead-letter queue is tried again."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from promptreel.operator.deployment import Deployment

HIDDEN_SECONDS = 120  # while it is tried: longer than record_failure may take
WAIT_SECONDS = 1  # for messages: with a wait, all of a queue's servers are asked


@dataclass(frozen=True)
class Redriven:
    """How many messages were tried again with success, and why the others were not."""

    taken: int
    faults: list[str]


def redrive_queue(deployment: Deployment, name: str) -> Redriven:
    """What was given up goes back into the queue from which it is taken: `Ingest` or `Webhooks`."""
    sqs, queue = deployment.client("sqs"), deployment.output(f"{name}QueueUrl")

    def send(body: str) -> None:
        sqs.send_message(QueueUrl=queue, MessageBody=body)

    return _redrive(sqs, deployment.output(f"{name}DeadLetterQueueUrl"), send)


def redrive_failures(deployment: Deployment) -> Redriven:
    """Ends of generations that could not be recorded are recorded, by the function that does it."""
    lambdas, function = deployment.client("lambda"), deployment.output("RecordFailureFunctionName")

    def record(body: str) -> str | None:
        said = json.loads(body)
        # Lambda wraps what its function could not take; EventBridge hands over the event.
        event = said.get("requestPayload", said)
        answer = lambdas.invoke(FunctionName=function, Payload=json.dumps(event))
        if "FunctionError" not in answer:
            return None
        error = json.loads(answer["Payload"].read())
        return f"{error.get('errorType', 'error')}: {error.get('errorMessage', '')}"

    return _redrive(deployment.client("sqs"), deployment.output("DeadLetterQueueUrl"), record)


def _redrive(sqs: Any, queue: str, again: Callable[[str], str | None]) -> Redriven:
    """Each message once: `again` takes its body, and says what is wrong; what it took is deleted after that, so that
    nothing is lost if this dies. Both ways know what they did before."""
    taken, faults, seen = 0, [], set()
    for message in _messages(sqs, queue):
        if message["MessageId"] in seen:
            break  # those that are left were all tried
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
