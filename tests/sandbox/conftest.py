"""Connect to the deployed sandbox, mark what only AWS can show, and write the report of a run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployed_sandbox import Sandbox, find
from tests.support.sandbox_report import Report

FOLDER = Path(__file__).parents[2] / "out" / "sandbox"
TIMEOUT_SECONDS = 900
_report = pytest.StashKey[Report]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "aws: a fact that no emulator shows, so the test is skipped on one")
    config.stash[_report] = Report(find())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the facts of AWS on an emulator. Give all tests time for the waits of AWS."""
    for item in items:
        item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))
        if item.get_closest_marker("aws") and config.stash[_report].sandbox.emulator:
            item.add_marker(pytest.mark.skip(reason="an emulator does not show this fact of AWS"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    result = yield
    item.config.stash[_report].add(result)  # type: ignore[arg-type]  # the hook's result is a TestReport
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save the histories of all executions of this run, and the report."""
    folder = Path(os.environ.get("SANDBOX_OUT") or FOLDER)
    session.config.stash[_report].save(folder)


@pytest.fixture(scope="session")
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return request.config.stash[_report].sandbox
