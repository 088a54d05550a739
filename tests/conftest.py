"""What tests of several folders share."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from core.places import table as places
from core.records.table import INDEXES, KEY
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
    """A client, and the tables `generations` and `places`."""
    client = boto3.client("dynamodb")
    client.create_table(TableName="generations", **table_definition())
    client.create_table(TableName="places", **places_definition())
    return client


def places_definition() -> Any:
    """What CreateTable is told of the places."""
    keys = {places.PART: "HASH", places.ITEM: "RANGE"}
    return {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in keys],
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
    }


def table_definition() -> Any:
    """What CreateTable is told: the names of core.records.table, as infra/ tells CloudFormation (a test compares)."""
    keys = [(KEY, "S"), *((index.partition, "S") for index in INDEXES)]
    keys += [(index.sort, index.sort_type) for index in INDEXES if index.sort]
    return {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in sorted(set(keys))],
        "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index.name,
                "KeySchema": [
                    {"AttributeName": index.partition, "KeyType": "HASH"},
                    *([{"AttributeName": index.sort, "KeyType": "RANGE"}] if index.sort else []),
                ],
                "Projection": {"ProjectionType": index.projection},
            }
            for index in INDEXES
        ],
    }


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
