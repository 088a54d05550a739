"""Run each handler as Lambda does, from its environment, with AWS in this process and a provider simulator."""

import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import boto3
import pytest
from moto.s3.exceptions import PreconditionFailed
from moto.s3.responses import S3Response

from core.records.ledger import Ledger
from local.simulator.control import SimulatorControl
from local.simulator.process import Behaviour
from local.simulator.server import Simulator
from tests.support.functions import KEY, Cloud, Doors
from tests.support.generations import generation
from tests.support.mocked_aws import Snapshot
from wiring import logger, now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


_copy_object = S3Response.copy_object


def _copy_if_match(response: Any) -> Any:
    """Add the one condition of a copy that moto does not support."""
    wanted = response.headers.get("x-amz-copy-source-if-match")
    bucket, _, key = unquote(response.headers["x-amz-copy-source"]).lstrip("/").partition("/")
    source = response.backend.get_object(bucket, key) if wanted else None
    if source and source.etag != wanted:
        raise PreconditionFailed("x-amz-copy-source-If-Match")
    return _copy_object(response)


class _Stdout:
    """The current stdout at the time of a write: pytest has different ones for the test and for its fixtures."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@cache
def _stack() -> tuple[dict[str, str], Snapshot]:
    """Make the resources of a stack, next to its tables, and return the settings of its functions and what was made."""
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
    settings = {
        "TABLE_NAME": "generations",
        "BATCHES_TABLE_NAME": "batches",
        "SLOTS_TABLE_NAME": "slots",
        "MONEY_TABLE_NAME": "money",
        "BUDGETS": "",
        "TRY_SECONDS": "55",
        "CREDITS_DEADLINE_SECONDS": "86400",
        "RESERVE_CREDITS": "10000000",
        "LOOK_UP_SECONDS": "86400",
        "CHARGE_LATE_SECONDS": "86400",
        "ACCOUNT_IS_SHARED": "false",
        "PROVIDER_KEY_SECRET": provider_key,
        "API_KEYS_SECRET": api_keys,
        "VIDEOS_BUCKET": "videos",
        "PROMPTS_BUCKET": "prompts",
        "POSTER_PACKAGES": "",
        "VIDEO_HOSTS": "127.0.0.1",
        "ALLOW_LOCAL_VIDEO_HOSTS": "true",
        "MAX_VIDEO_BYTES": "10000000",
        "TOPIC_ARN": topic,
        "BUS_NAME": "bus",
        "STATE_MACHINE_ARN": machine,
        "BATCH_STATE_MACHINE_ARN": batch_machine,
        "BATCH_CONCURRENCY": "4",
        "REJECTED_ROWS_AN_HOUR": "2000",
        "QUEUE_URL": sqs.create_queue(QueueName="ingest")["QueueUrl"],
        "WEBHOOKS_TABLE_NAME": "webhooks",
        "WEBHOOKS_SECRET": secrets.create_secret(Name="webhooks", SecretString="m" * 64)["ARN"],
        "WEBHOOKS_QUEUE_URL": sqs.create_queue(QueueName="webhooks")["QueueUrl"],
        "ALLOW_LOCAL_WEBHOOKS": "true",
        "SENDERS": "10",
        "VIDEO_RULES": "project=drafts: 30 days,: keep STANDARD",
        "DEFAULT_MODEL": "veo2",
        "LINKS_ROLE_ARN": role,
        "FILE_OWNERS": "=files,bob/=bob",
        "EVENT_OWNERS": "=events,my.shop=shop",
        "URL_LIFETIME_SECONDS": "3600",
        "LINK_OPENS_A_DAY": "3",
        "ALLOWED_MODELS": "",
        "PASSED_THROUGH_MODELS": "",
        "IN_FLIGHT_LIMIT": "2",
        "SUBMIT_DEADLINE_SECONDS": "3600",
        "SUBMIT_TIMEOUT_SECONDS": "90",
        "POLL_FIRST_SECONDS": "30",
        "POLL_EVERY_SECONDS": "5",
        "POLL_STAY_SECONDS": "0",
        "POLL_DEADLINE_SECONDS": "1800",
        "POLL_SLOW_SECONDS": "900",
        "POLL_GIVE_UP_SECONDS": "86400",
        "POLLS_PER_SECOND": "50",
    }
    return settings, Snapshot()


@pytest.fixture
def simulator() -> Iterator[SimulatorControl]:
    with Simulator(Behaviour(keys=[KEY], seconds=0)) as server:
        yield SimulatorControl(server.url)


@pytest.fixture
def cloud(
    dynamodb: "DynamoDBClient",
    simulator: SimulatorControl,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],  # noqa: ARG001 - what the functions log is shown to the test
) -> Cloud:
    monkeypatch.setattr(logger.registered_handler, "stream", _Stdout())
    monkeypatch.setattr(S3Response, "copy_object", _copy_if_match)
    settings, snapshot = _stack()
    snapshot.restore()
    environment = {**settings, "PROVIDER_URL": simulator.url}
    for name, value in environment.items():
        monkeypatch.setitem(os.environ, name, value)
    return Cloud(Ledger(dynamodb, "generations", now), simulator, environment)


@pytest.fixture
def accepted(cloud: Cloud) -> Callable[..., str]:
    """Return a function that creates a generation accepted just now."""

    def make(prompt: str = "a boat", generation_id: str = "g1") -> str:
        cloud.ledger.add(
            generation(generation_id, request={"model": "veo2", "prompt": prompt}, created_at=now(), updated_at=now())
        )
        return generation_id

    return make


@pytest.fixture
def doors(cloud: Cloud) -> Doors:
    boto3.client("s3").create_bucket(Bucket="prompts")
    boto3.client("s3").put_bucket_versioning(Bucket="prompts", VersioningConfiguration={"Status": "Enabled"})
    return Doors(cloud)
