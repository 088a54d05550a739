"""Fixtures and checks that tests of several folders share."""

import os
import sys
import time
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.internal import constants_ast
from hypothesis.internal.conjecture import providers
from moto import mock_aws

from local.settings import isolate
from tests.support import aws_models
from tests.support.mocked_aws import Clients, Snapshot, speed_up
from tests.support.tables import batches_definition, keyed_definition, table_definition, webhooks_definition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).parents[1]

# The same values as in infra/functions.py. Powertools reads them when it is imported.
os.environ.update(POWERTOOLS_SERVICE_NAME="promptreel-test", POWERTOOLS_METRICS_NAMESPACE="Promptreel")
# Find the tools of the checkout without make.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# `make test` tries the same examples each time, however slow the machine. `make fuzz` searches for new ones.
set_hypothesis_home_dir(ROOT / ".hypothesis")
hypothesis.settings.register_profile(
    "promptreel", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("promptreel")
hypothesis.settings.register_profile(
    "fuzz",
    derandomize=False,
    max_examples=500,
    print_blob=True,
    database=DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples"),  # try a failure first next time
)
# Hypothesis also tries the constants of all loaded modules of ours, which differ between workers.
_is_ours: Callable[[str], bool] = constants_ast.is_local_module_file
vars(providers)["is_local_module_file"] = lambda path: not hypothesis.settings().derandomize and _is_ours(path)

# No test can reach a real account or be affected by its settings. Those of the sandbox must, so they run without this.
isolate(os.environ)
collect_ignore = ["sandbox"]
speed_up()
aws_models.watch()


def pytest_sessionstart() -> None:
    """Remove this terminal's width and colours, which would change printed output, once pytest has read them."""
    for name in ("COLUMNS", "LINES", "TERMINAL_WIDTH", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        os.environ.pop(name, None)
    for name in ("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):
        os.environ.pop(name, None)
    os.environ["TERM"] = "xterm"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Fail a test that has sent a request that AWS would reject by its own description of the service."""
    aws_models.violations.clear()
    yield
    if aws_models.violations:
        pytest.fail("AWS would reject: " + "; ".join(aws_models.violations[:3]), pytrace=False)


def pytest_runtest_setup() -> None:
    """Wait instead of starting a test in the last seconds of an hour: money is counted by day, and slots by hour."""
    left = 3600 - time.time() % 3600
    if left < 20:
        time.sleep(left)


def pytest_make_parametrize_id(val: object, argname: str) -> None:
    """Reject ids made of bytes, control characters or lambdas, because workers could generate different ones."""
    if (
        isinstance(val, bytes)
        or (isinstance(val, str) and not val.isprintable())
        or getattr(val, "__name__", "") == "<lambda>"
    ):
        pytest.fail(f"Give this value of `{argname}` an id, with pytest.param or ids: {val!r:.80}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Reject ids that are unreadable or contain a memory address."""
    made = yield
    for item in made if isinstance(made, list) else ():
        if len(item.name) - len(item.originalname) > 120 or " at 0x" in item.name:
            pytest.fail(f"Give each value a short id, with pytest.param or ids: {item.name:.300}", pytrace=False)
    return made


_clients = Clients(boto3.client)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Provide AWS in this process with moto. Loopback requests pass through to the tests' servers."""
    monkeypatch.setattr(boto3, "client", _clients)
    core: Any = {
        "passthrough": {"urls": [r"http://127\.0\.0\.1.*"]},
        "reset_boto3_session": False,  # a new one reads the service models again, which takes half of the time
    }
    with mock_aws(config={"core": core}):
        yield


@cache
def _tables() -> Snapshot:
    client = boto3.client("dynamodb")
    client.create_table(TableName="generations", **table_definition())
    client.create_table(TableName="batches", **batches_definition())
    client.create_table(TableName="slots", **keyed_definition())
    client.create_table(TableName="money", **keyed_definition())
    client.create_table(TableName="webhooks", **webhooks_definition())
    return Snapshot()


@pytest.fixture
def dynamodb(aws: None) -> "DynamoDBClient":  # noqa: ARG001 - sets up
    """Return a client with the empty tables `generations`, `batches`, `slots`, `money` and `webhooks`."""
    _tables().restore()
    return boto3.client("dynamodb")
