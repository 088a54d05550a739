"""Test the output of promptreel logs and redrive, and the messages that they leave in the queue."""

import io
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from promptreel.__main__ import main
from promptreel.operator import deployment
from promptreel.operator.deployment import Deployment

OUTPUTS = {
    "IngestQueueUrl": "files",
    "IngestDeadLetterQueueUrl": "files-dead",
    "WebhooksQueueUrl": "webhooks",
    "WebhooksDeadLetterQueueUrl": "webhooks-dead",
    "DeadLetterQueueUrl": "failures-dead",
    "RecordFailureFunctionName": "record",
}
Run = Callable[..., int]


class Pages:
    """A paginator of the responses that a function returns."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self.paginate = lambda **asked: [answer(**asked)]


class Aws:
    """The services that both commands use."""

    def __init__(self) -> None:
        self.logs: dict[str, list[Any]] = {"group-1": [], "group-2": []}
        self.asked: list[dict[str, Any]] = []
        self.queues: dict[str, list[str]] = {url: [] for name, url in OUTPUTS.items() if name.endswith("Url")}
        self.hidden: list[str] = []
        self.invoked: list[Any] = []
        self.fault: dict[str, str] | None = None

    def get_paginator(self, operation: str) -> Pages:
        return Pages(getattr(self, operation))

    def list_stack_resources(self, StackName: str) -> Any:  # noqa: N803 - boto3's names
        assert StackName == "promptreel-dev"
        of = {"FunctionsSubmitLogs0A1B2C3D": "group-1", "FunctionsLookUpSubmissionLogs0A1B2C3D": "group-2"}
        of["ApiAccessLog0A1B2C3D"] = "group-3"
        return {
            "StackResourceSummaries": [
                {"LogicalResourceId": name, "PhysicalResourceId": group} for name, group in of.items()
            ]
        }

    def filter_log_events(self, **asked: Any) -> Any:
        self.asked.append(asked)
        return {
            "events": [
                {"timestamp": at, "message": one if isinstance(one, str) else json.dumps(one)}
                for at, one in self.logs[asked["logGroupName"]]
            ]
        }

    def receive_message(self, QueueUrl: str, **asked: Any) -> Any:  # noqa: N803
        assert asked["VisibilityTimeout"] > 60, "longer than record_failure may take"
        queue = [body for body in self.queues[QueueUrl] if body not in self.hidden]
        self.hidden += queue[:1]
        return {"Messages": [{"MessageId": body, "ReceiptHandle": body, "Body": body} for body in queue[:1]]}

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        self.queues[QueueUrl].remove(ReceiptHandle)

    def send_message(self, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
        self.queues[QueueUrl].append(MessageBody)

    def invoke(self, FunctionName: str, Payload: str) -> Any:  # noqa: N803
        assert FunctionName == "record"
        self.invoked.append(json.loads(Payload))
        failed = {"FunctionError": "Unhandled"} if self.fault else {}
        return {**failed, "Payload": io.BytesIO(json.dumps(self.fault or {}).encode())}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    aws = Aws()
    found = Deployment("promptreel-dev", "CREATE_COMPLETE", "us-east-1", OUTPUTS, None)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    monkeypatch.setattr(Deployment, "client", lambda *_, **__: aws)
    return aws


def run(*arguments: str) -> int:
    """Run the command and return its exit code."""
    try:
        return main([*arguments])
    except SystemExit as ended:
        return int(ended.code or 0)


def test_logs_of_functions_are_merged_by_time(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.logs["group-1"] = [
        (2000, {"level": "ERROR", "message": "second", "generation_id": "g1", "service": "s", "function_arn": "a"}),
        (1000, "START RequestId: 1"),
        (1500, {"level": "INFO", "message": "of no concern"}),
        (1600, {"_aws": {}, "GenerationFailed": [1]}),
        (3000, "Task timed out after 60.00 seconds\n"),
    ]
    aws.logs["group-2"] = [(1000, {"level": "WARNING", "message": "first\nand\x1b[2J more"})]
    before = time.time()
    assert run("logs", "--since", "2h") == 0
    after = time.time()
    assert capsys.readouterr().out.splitlines() == [
        "1970-01-01T00:00:01Z\tlook_up_submission\twarning\tfirst and [2J more",
        "1970-01-01T00:00:02Z\tsubmit\terror\tsecond generation_id=g1",
        "1970-01-01T00:00:03Z\tsubmit\terror\tTask timed out after 60.00 seconds",
    ]
    assert before - 7201 < aws.asked[0]["startTime"] / 1000 < after - 7199
    assert run("logs", "submit", "--level", "info", "--generation", "g1", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert [line["message"] for line in said] == ["of no concern", "second", "Task timed out after 60.00 seconds"]
    assert aws.asked[-1] == {**aws.asked[-1], "logGroupName": "group-1", "filterPattern": '"g1"'}


def test_an_unknown_function_is_reported_with_the_existing_ones(
    aws: Aws,  # noqa: ARG001 - is patched in
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("logs", "sumbit") == 1
    assert "Function sumbit does not exist: choose from look_up_submission, submit." in capsys.readouterr().err
    assert run("logs", "--since", "yesterday") == 2


def test_messages_in_both_queues_are_reprocessed(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    wrapped = {"requestPayload": {"generation_id": "g1"}, "responsePayload": {}}
    plain = {"detail": {"name": "g2"}}
    aws.queues["files-dead"] = ["a", "b"]
    aws.queues["webhooks-dead"] = ["c"]
    aws.queues["failures-dead"] = [json.dumps(wrapped), json.dumps(plain)]
    assert run("redrive") == 0
    assert {queue: bodies for queue, bodies in aws.queues.items() if bodies} == {"files": ["a", "b"], "webhooks": ["c"]}
    assert aws.invoked == [{"generation_id": "g1"}, plain]
    said = capsys.readouterr().out
    assert said.splitlines() == [
        "Files and events queued again: 2",
        "Webhooks queued again: 1",
        "Job failures recorded: 2",
    ]


def test_an_unrecorded_message_stays_in_its_queue_and_is_reported(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.queues["failures-dead"] = ["{}", '{"detail": {}}']
    aws.fault = {"errorType": "ClientError", "errorMessage": "no"}
    assert run("redrive") == 1
    assert aws.queues["failures-dead"] == ["{}", '{"detail": {}}']
    assert capsys.readouterr().err.count("Not recorded, still in the dead-letter queue: ClientError: no") == 2
