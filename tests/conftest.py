"""What tests of several folders share."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from local.processes import find
from local.services import stop_all
from local.settings import Checkout, Settings, isolate
from local.up import up
from tests.local_cloud import LocalCloud

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# As infra/functions.py sets them; Powertools reads them when it is imported.
os.environ.update(POWERTOOLS_SERVICE_NAME="promptreel", POWERTOOLS_METRICS_NAMESPACE="Promptreel")


# No test can reach a real account, or be changed by its settings.
isolate(os.environ)


@pytest.fixture
def aws() -> Iterator[None]:
    """AWS in this process, by moto; loopback passes through to the tests' own servers."""
    with mock_aws(config={"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}):
        yield


@pytest.fixture
def dynamodb(aws: None) -> "DynamoDBClient":  # noqa: ARG001 - sets up
    """A client, and the table `generations` as infra/storage.py makes it."""
    client = boto3.client("dynamodb")
    indexes = {
        "by_owner": ("owner", "created_at"),
        "by_batch": ("batch_id", "row_number"),
        "by_queue": ("queue", "queue_key"),
        "by_place": ("place",),
    }
    names = {"generation_id", *(name for keys in indexes.values() for name in keys)}
    attribute: Any = [{"AttributeName": n, "AttributeType": "N" if n == "row_number" else "S"} for n in sorted(names)]
    secondary: Any = [
        {
            "IndexName": index,
            "KeySchema": [
                {"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
        for index, keys in indexes.items()
    ]
    client.create_table(
        TableName="generations",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=attribute,
        KeySchema=[{"AttributeName": "generation_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=secondary,
    )
    return client


@pytest.fixture(scope="session")
def cloud_of_the_tests() -> Iterator[LocalCloud]:
    """The real stack, deployed to a local AWS of the tests' own in which waits take a twentieth of their time."""
    checkout = Checkout(Path(__file__).parent.parent, ".local/tests")
    stop_all(checkout)
    try:
        stack = up(checkout, Settings(wait_scale="0.05"))
        ministack = find(checkout.state, "ministack")
        assert ministack is not None
        yield LocalCloud(stack, ministack.pid)
    finally:
        stop_all(checkout)


@pytest.fixture
def cloud(cloud_of_the_tests: LocalCloud) -> LocalCloud:
    """The deployed stack."""
    return cloud_of_the_tests
