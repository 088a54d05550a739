"""What tests of several folders share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import hypothesis
import pytest
from botocore import handlers
from botocore.awsrequest import AWSPreparedRequest
from hypothesis.configuration import set_hypothesis_home_dir
from moto import mock_aws

from local.settings import isolate
from tests.support.tables import batches_definition, keyed_definition, table_definition, webhooks_definition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).parents[1]

# As infra/functions.py sets them; Powertools reads them when it is imported.
os.environ.update(POWERTOOLS_SERVICE_NAME="promptreel", POWERTOOLS_METRICS_NAMESPACE="Promptreel")
# The tools of the checkout are found without make, too.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# What a property costs is the machine's affair, and what hypothesis keeps belongs to the checkout.
hypothesis.settings.register_profile("promptreel", deadline=None)
hypothesis.settings.load_profile("promptreel")
set_hypothesis_home_dir(ROOT / ".hypothesis")

# No test can reach a real account, or be changed by its settings.
isolate(os.environ)


def _as_bytes(request: AWSPreparedRequest, **_: object) -> None:
    """moto knows no bytearray, which boto3 and every server take for a body."""
    if isinstance(request.body, bytearray):
        request.body = bytes(request.body)


handlers.BUILTIN_HANDLERS.insert(0, ("before-send", _as_bytes))  # before moto's own
_new_client: Any = boto3.client
_clients: dict[str, Any] = {}


def _client(service: str, **options: Any) -> Any:
    """A client, made once: to make one takes longer than most of what is done with it, and it holds no state."""
    config = getattr(options.get("config"), "_user_provided_options", None)
    key = f"{service} {sorted(options.items() - {('config', options.get('config'))})} {config}"
    if key not in _clients:
        _clients[key] = _new_client(service, **options)
    return _clients[key]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS in this process, by moto; loopback passes through to the tests' own servers."""
    monkeypatch.setattr(boto3, "client", _client)
    core: Any = {
        "passthrough": {"urls": [r"http://127\.0\.0\.1.*"]},
        "reset_boto3_session": False,  # a new one reads the service models again: half of the time
    }
    with mock_aws(config={"core": core}):
        yield


@pytest.fixture
def dynamodb(aws: None) -> "DynamoDBClient":  # noqa: ARG001 - sets up
    """A client, and the tables `generations`, `batches`, `places`, `money` and `webhooks`."""
    client = boto3.client("dynamodb")
    client.create_table(TableName="generations", **table_definition())
    client.create_table(TableName="batches", **batches_definition())
    client.create_table(TableName="places", **keyed_definition())
    client.create_table(TableName="money", **keyed_definition())
    client.create_table(TableName="webhooks", **webhooks_definition())
    return client
