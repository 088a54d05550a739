"""Run each handler as Lambda does, from its environment, with AWS in this process."""

import base64
import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import boto3
import pytest

from core.generation import Failure, Generation
from core.records.ledger import Ledger
from core.records.lists import Lists
from core.records.wanted import Wanted
from core.slots.table import SlotsTable
from local.simulator.control import SimulatorControl
from tests.support import states
from tests.support.events import event

KEY = "provider-key"
VENDORS = ("google", "kling", "alibaba", "runway", "minimax", "bytedance", "pixverse")  # in the samples' paths
PATHS = ["/v2/video/generations", *(f"/v2/generate/video/{vendor}/generation" for vendor in VENDORS)]


@dataclass(frozen=True)
class Context:
    """The context that Lambda passes to an invocation."""

    function_name: str = "function"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@dataclass
class Cloud:
    """The AWS resources of a stack, by moto, and the provider."""

    ledger: Ledger
    simulator: SimulatorControl
    environment: dict[str, str]
    started: set[str] = field(default_factory=set)  # functions that have an environment

    def invoke(self, function: str, payload: dict[str, Any], *, warm: bool = False) -> dict[str, Any]:
        """Run a handler in a fresh environment, as after a cold start. If `warm`, use its last one in this cloud."""
        handler = importlib.import_module(function)
        if not warm or function not in self.started:
            self.started.add(function)
            shared = [module for name, module in sys.modules.items() if name.startswith(("routes.", "wiring."))]
            for module in (handler, *shared):
                for kept in vars(module).values():
                    if hasattr(kept, "cache_clear") and kept.__module__ == module.__name__:
                        kept.cache_clear()
        answer: dict[str, Any] = handler.handler(payload, Context())
        return answer

    def run(self, state: dict[str, Any], *functions: str, execution: str = "", token: str = "token") -> dict[str, Any]:
        """Run these states in order, as the shipped state machine does, and return the output of the last."""
        for function in functions:
            answer = self.invoke(function, states.payload(function, state, execution, token))
            state = states.output(function, state, answer)
        return state

    def caller(
        self, owner: str = "ann", *, scope: str | None = None, key_id: str | None = None, short_links: bool = False
    ) -> "Caller":
        """Return a caller of this cloud's API."""
        return Caller(self, owner, scope, key_id, short_links)

    def delete(self, generation_id: str) -> None:
        """Complete and announce a generation, and let its owner delete it."""
        self.ledger.fail(self.ledger.get(generation_id).run, Failure("Cancelled", "by its owner"))
        self.ledger.announced(self.ledger.get(generation_id))
        self.ledger.delete(self.ledger.get(generation_id))

    @property
    def holders(self) -> list[str]:
        """Return the generations that hold a slot."""
        return [slot.holder for slot in SlotsTable(boto3.client("dynamodb"), "slots", "generations").held()]

    def messages(self) -> list[dict[str, Any]]:
        """Return the unread messages published to the topic."""
        sqs = boto3.client("sqs")
        url = sqs.get_queue_url(QueueName="announcements")["QueueUrl"]
        found = []
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            found += [json.loads(message["Body"]) for message in batch]
            for message in batch:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@dataclass(frozen=True)
class Caller:
    """A caller of the HTTP API, as the authorizer describes it."""

    cloud: Cloud
    owner: str
    scope: str | None = None
    key_id: str | None = None
    short_links: bool = False


def call(
    caller: Caller | Cloud, method: str, path: str, *, body: object = None, query: str = "", **headers: str
) -> tuple[int, dict[str, Any]]:
    """Call the HTTP API, as Ann by default, and return the status and the JSON body."""
    caller = caller.caller() if isinstance(caller, Cloud) else caller
    known: dict[str, str | bool | None] = {
        "owner": caller.owner,
        "scope": caller.scope,
        "key_id": caller.key_id,
        "line": caller.key_id,
        "short_links": caller.short_links or None,
    }
    payload = event("http_api")
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = path
    payload["requestContext"]["http"]["method"] = method
    payload["requestContext"]["authorizer"]["lambda"] |= {
        name: text for name, text in known.items() if text is not None
    }
    payload["headers"].update({name.replace("_", "-"): value for name, value in headers.items()})
    payload["isBase64Encoded"] = isinstance(body, bytes)
    if isinstance(body, bytes):
        body = base64.b64encode(body).decode()
    payload["body"] = body if isinstance(body, str | None) else json.dumps(body)
    payload["rawQueryString"] = query
    if query:
        named: dict[str, str] = {}
        for part in query.split("&"):
            name, text = part.split("=", 1)
            # Repeated parameters are joined with commas.
            named[name] = ",".join(filter(None, (named.get(name), unquote(text))))
        payload["queryStringParameters"] = named
    answer = caller.cloud.invoke("api", payload)
    return answer["statusCode"], json.loads(answer["body"])


def ask(
    cloud: Cloud, method: str, path: str, *, owner: str | None = "ann", scope: str = "all", **fields: Any
) -> dict[str, Any]:
    """Return the answer as API Gateway is given it; `fields` replace those of the recorded event."""
    payload = event("http_api")
    payload["rawPath"] = payload["requestContext"]["http"]["path"] = path
    payload["requestContext"]["http"]["method"] = method
    payload["requestContext"]["authorizer"] = {"lambda": {"owner": owner, "scope": scope}} if owner is not None else {}
    return cloud.invoke("api", {**payload, "body": None, **fields})


@dataclass
class Doors:
    """The bucket and the queue in front of ingest."""

    cloud: Cloud

    def drop(self, key: str, body: str | bytes, **metadata: str) -> dict[str, Any]:
        """Put a file into the prompts bucket and return its event."""
        content = body if isinstance(body, bytes) else body.encode()
        put = boto3.client("s3").put_object(Bucket="prompts", Key=key, Body=content, Metadata=metadata)
        created = event("object_created")
        created["detail"]["object"] |= {"key": key, "etag": put["ETag"].strip('"'), "version-id": put["VersionId"]}
        return created

    def take(self, *events: dict[str, Any]) -> list[str]:
        """Pass the events to ingest as one batch of messages, and return the ids of the failed ones."""
        messages = [
            {
                "messageId": f"message-{number}",
                "receiptHandle": self._receipt(one),
                "body": json.dumps(one),
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
            }
            for number, one in enumerate(events)
        ]
        answer = self.cloud.invoke("ingest", {"Records": messages})
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def _receipt(self, asked: dict[str, Any]) -> str:
        """Return the receipt that SQS gives to a receiver from the queue."""
        sqs, url = boto3.client("sqs"), self.cloud.environment["QUEUE_URL"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(asked))
        return str(sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"])

    def of(self, owner: str) -> list[Generation]:
        """The owner's list."""
        return Lists(self.cloud.ledger).page(owner, Wanted(), 100, None)[0]

    def executions(self, machine: str) -> list[dict[str, Any]]:
        """Return the executions of a state machine with their inputs, oldest first."""
        stepfunctions = boto3.client("stepfunctions")
        found = stepfunctions.list_executions(stateMachineArn=self.cloud.environment[machine])["executions"]
        described = [stepfunctions.describe_execution(executionArn=one["executionArn"]) for one in found]
        described.sort(key=lambda one: one["startDate"])
        return [{**one, "input": json.loads(one["input"])} for one in described]


def before(monkeypatch: pytest.MonkeyPatch, of: type, name: str, act: Callable[[], object]) -> None:
    """Do something once, just before a method is called."""
    method = getattr(of, name)

    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(of, name, method)
        act()
        return method(self, *args, **kwargs)

    monkeypatch.setattr(of, name, called)
