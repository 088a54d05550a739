"""What tests of several folders share."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from local.settings import isolate
from tests.support.tables import places_definition, table_definition

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
