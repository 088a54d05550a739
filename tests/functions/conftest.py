"""AWS in this process and a provider simulator: each handler runs as Lambda runs it, from its environment."""

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from core.generation import Failure, Generation
from core.places.table import PlacesTable
from core.records.ledger import Ledger
from local.simulator import Simulator, SimulatorControl
from tests.unit.generations import generation
from wiring import logger, now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EVENTS = Path(__file__).parent.parent / "events"
KEY = "provider-key"


def event(name: str) -> dict[str, Any]:
    """A recorded event."""
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return loaded


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function of its invocation."""

    function_name: str = "function"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"


@dataclass
class Cloud:
    """The AWS resources of a stack, by moto, and the provider beside them."""

    ledger: Ledger
    simulator: SimulatorControl
    environment: dict[str, str]

    def invoke(self, function: str, payload: dict[str, Any], *, warm: bool = False) -> dict[str, Any]:
        """Run a handler in a fresh environment, as after a cold start, or in the one of before."""
        handler = importlib.import_module(function)
        for cached in ("_wired", "_stored"):
            if hasattr(handler, cached) and not warm:
                getattr(handler, cached).cache_clear()
        answer: dict[str, Any] = handler.handler(payload, Context())
        return answer

    def delete(self, generation_id: str) -> None:
        """What its owner deletes has ended, and its end was announced."""
        self.ledger.fail(self.ledger.get(generation_id).run, Failure("Cancelled", "by its owner"))
        self.ledger.announced(self.ledger.get(generation_id))
        self.ledger.delete(self.ledger.get(generation_id))

    @property
    def holders(self) -> list[str]:
        """The generations that hold a place."""
        return [place.holder for place in PlacesTable(boto3.client("dynamodb"), "places", "generations").held()]

    def messages(self) -> list[dict[str, Any]]:
        """What was published to the topic so far, and not yet read."""
        sqs = boto3.client("sqs")
        url = sqs.get_queue_url(QueueName="announcements")["QueueUrl"]
        found = []
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            found += [json.loads(message["Body"]) for message in batch]
            for message in batch:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture
def simulator() -> Iterator[SimulatorControl]:
    with Simulator(keys=[KEY], seconds=0) as server:
        yield SimulatorControl(server.url)


@pytest.fixture
def cloud(
    dynamodb: "DynamoDBClient",
    simulator: SimulatorControl,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],  # noqa: ARG001 - what the functions log is shown to the test
) -> Cloud:
    monkeypatch.setattr(logger.registered_handler, "stream", sys.stdout)
    boto3.client("s3").create_bucket(Bucket="videos")
    secrets = boto3.client("secretsmanager")
    provider_key = secrets.create_secret(Name="provider-key", SecretString=KEY)["ARN"]
    api_keys = secrets.create_secret(Name="api-keys", SecretString="{}")["ARN"]
    topic = boto3.client("sns").create_topic(Name="topic")["TopicArn"]
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="announcements")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    boto3.client("events").create_event_bus(Name="bus")
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    machine = boto3.client("stepfunctions").create_state_machine(
        name="generation", definition='{"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}', roleArn=role
    )["stateMachineArn"]
    batch_machine = boto3.client("stepfunctions").create_state_machine(
        name="batch", definition='{"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}', roleArn=role
    )["stateMachineArn"]
    environment = {
        "TABLE_NAME": "generations",
        "PLACES_TABLE_NAME": "places",
        "LOOK_UP_SECONDS": "86400",
        "PROVIDER_URL": simulator.url,
        "PROVIDER_KEY_SECRET": provider_key,
        "API_KEYS_SECRET": api_keys,
        "VIDEOS_BUCKET": "videos",
        "VIDEO_HOSTS": "127.0.0.1",
        "ALLOW_LOCAL_VIDEO_HOSTS": "true",
        "MAX_VIDEO_BYTES": "10000000",
        "TOPIC_ARN": topic,
        "BUS_NAME": "bus",
        "STATE_MACHINE_ARN": machine,
        "BATCH_STATE_MACHINE_ARN": batch_machine,
        "BATCH_CONCURRENCY": "4",
        "DEFAULT_MODEL": "veo2",
        "FILE_OWNERS": "=files,bob/=bob",
        "EVENT_OWNERS": "=events,my.shop=shop",
        "URL_LIFETIME_SECONDS": "3600",
        "ALLOWED_MODELS": "",
        "PASSED_THROUGH_MODELS": "",
        "IN_FLIGHT_LIMIT": "2",
        "SUBMIT_DEADLINE_SECONDS": "3600",
        "SUBMIT_TIMEOUT_SECONDS": "90",
        "POLL_FIRST_SECONDS": "30",
        "POLL_EVERY_SECONDS": "5",
        "POLL_DEADLINE_SECONDS": "1800",
        "POLL_SLOW_SECONDS": "900",
        "POLL_GIVE_UP_SECONDS": "86400",
    }
    for name, value in environment.items():
        monkeypatch.setitem(os.environ, name, value)
    return Cloud(Ledger(dynamodb, "generations", now), simulator, environment)


@pytest.fixture
def accepted(cloud: Cloud) -> Callable[..., str]:
    """Makes a generation that was accepted just now."""

    def make(prompt: str = "a boat", generation_id: str = "g1") -> str:
        cloud.ledger.add(
            generation(generation_id, request={"model": "veo2", "prompt": prompt}, created_at=now(), updated_at=now())
        )
        return generation_id

    return make


@dataclass
class Doors:
    """The bucket and the queue in front of ingest."""

    cloud: Cloud

    def drop(self, key: str, body: str, **metadata: str) -> dict[str, Any]:
        """Put a file into the prompts bucket: the event of it."""
        put = boto3.client("s3").put_object(Bucket="prompts", Key=key, Body=body.encode(), Metadata=metadata)
        created = event("object_created")
        created["detail"]["object"] |= {"key": key, "etag": put["ETag"].strip('"'), "version-id": put["VersionId"]}
        return created

    def take(self, *events: dict[str, Any]) -> list[str]:
        """Hand the events to ingest as one batch of messages: the ids of those that failed."""
        messages = [
            {"messageId": f"message-{number}", "body": json.dumps(one), "eventSource": "aws:sqs"}
            for number, one in enumerate(events)
        ]
        answer = self.cloud.invoke("ingest", {"Records": messages})
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def of(self, owner: str) -> list[Generation]:
        """The owner's list."""
        return self.cloud.ledger.list(owner, set(), 100, None)[0]

    def executions(self, machine: str) -> list[dict[str, Any]]:
        """The executions of a state machine, oldest first, each with its input."""
        stepfunctions = boto3.client("stepfunctions")
        found = stepfunctions.list_executions(stateMachineArn=self.cloud.environment[machine])["executions"]
        described = [stepfunctions.describe_execution(executionArn=one["executionArn"]) for one in found]
        described.sort(key=lambda one: one["startDate"])
        return [{**one, "input": json.loads(one["input"])} for one in described]


@pytest.fixture
def doors(cloud: Cloud) -> Doors:
    boto3.client("s3").create_bucket(Bucket="prompts")
    boto3.client("s3").put_bucket_versioning(Bucket="prompts", VersioningConfiguration={"Status": "Enabled"})
    return Doors(cloud)
