"""What tests of several folders share."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# As infra/functions.py sets them; Powertools reads them when it is imported.
os.environ.update(POWERTOOLS_SERVICE_NAME="promptreel", POWERTOOLS_METRICS_NAMESPACE="Promptreel")


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test can reach, or be changed by, a real account's settings."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.fixture
def aws() -> Iterator[None]:
    """AWS in this process, by moto; loopback passes through to the tests' own servers."""
    with mock_aws(config={"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}):
        yield


@pytest.fixture
def dynamodb(aws: None) -> "DynamoDBClient":  # noqa: ARG001 - sets up
    """A client, and the table `generations` as infra/storage.py makes it."""
    client = boto3.client("dynamodb")
    attribute: Any = [{"AttributeName": n, "AttributeType": "S"} for n in ("generation_id", "owner", "created_at")]
    client.create_table(
        TableName="generations",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=attribute,
        KeySchema=[{"AttributeName": "generation_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_owner",
                "KeySchema": [
                    {"AttributeName": "owner", "KeyType": "HASH"},
                    {"AttributeName": "created_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return client
