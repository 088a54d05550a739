"""What tests of several folders share."""

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
from tests.support.mocked_aws import Clients, Snapshot, speed_up
from tests.support.tables import batches_definition, keyed_definition, table_definition, webhooks_definition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).parents[1]

# As infra/functions.py sets them; Powertools reads them when it is imported.
os.environ.update(POWERTOOLS_SERVICE_NAME="promptreel", POWERTOOLS_METRICS_NAMESPACE="Promptreel")
# The tools of the checkout are found without make, too.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# `make test` tries the same examples each time, however slow the machine is; `make fuzz` searches for new ones.
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
    database=DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples"),  # a failure is tried first next time
)
# Hypothesis also tries the constants of our modules, of those that are loaded: other ones in each worker.
_is_ours: Callable[[str], bool] = constants_ast.is_local_module_file
vars(providers)["is_local_module_file"] = lambda path: not hypothesis.settings().derandomize and _is_ours(path)

# No test can reach a real account, or be changed by its settings.
isolate(os.environ)
speed_up()


def pytest_sessionstart() -> None:
    """Forget the width and the colours of this terminal once pytest knows them: what is printed depends on them."""
    for name in ("COLUMNS", "LINES", "TERMINAL_WIDTH", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        os.environ.pop(name, None)
    for name in ("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):
        os.environ.pop(name, None)
    os.environ["TERM"] = "xterm"


def pytest_runtest_setup() -> None:
    """Begin no test in the last seconds of an hour: money is counted by the day, and slots by the hour."""
    left = 3600 - time.time() % 3600
    if left < 20:
        time.sleep(left)


def pytest_make_parametrize_id(val: object, argname: str) -> None:
    """Refuse to make an id of bytes, of control characters or of a lambda: workers could make different ones."""
    if (
        isinstance(val, bytes)
        or (isinstance(val, str) and not val.isprintable())
        or getattr(val, "__name__", "") == "<lambda>"
    ):
        pytest.fail(f"Give this value of `{argname}` an id, with pytest.param or ids: {val!r:.80}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Refuse ids that nobody can read or that hold an address in memory."""
    made = yield
    for item in made if isinstance(made, list) else ():
        if len(item.name) - len(item.originalname) > 120 or " at 0x" in item.name:
            pytest.fail(f"Give each value a short id, with pytest.param or ids: {item.name:.300}", pytrace=False)
    return made


_clients = Clients(boto3.client)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS in this process, by moto; loopback passes through to the tests' own servers."""
    monkeypatch.setattr(boto3, "client", _clients)
    core: Any = {
        "passthrough": {"urls": [r"http://127\.0\.0\.1.*"]},
        "reset_boto3_session": False,  # a new one reads the service models again: half of the time
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
    """A client, and the tables `generations`, `batches`, `slots`, `money` and `webhooks`, which are empty."""
    _tables().restore()
    return boto3.client("dynamodb")
