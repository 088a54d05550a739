"""Provide one deployed stack for all tests of this folder and all workers of a run."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser

from local.processes import find
from local.provision import ensure_queue
from local.services import throw_away
from local.settings import Settings
from local.up import up
from tests.support.browser import chromium, is_for_this_machine
from tests.support.local_cloud import CHECKOUT, STACK_FILE, LocalCloud, Run

TIMEOUT_SECONDS = 900  # long waits for jobs and sweeps, while other tests run
LOCK = "apart"  # held by all tests at the same time, or exclusively by a test marked `alone`


def pytest_configure(config: pytest.Config) -> None:
    """Start with an empty folder in the main process, which deletes it at the end.

    Workers share what the first one starts.
    """
    if not hasattr(config, "workerinput"):
        throw_away(CHECKOUT)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        throw_away(CHECKOUT)


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first. Run those marked `alone` last, one after another."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            is_nightly = item.get_closest_marker("nightly") is not None
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS * (4 if is_nightly else 1)))
            if item.get_closest_marker("alone"):
                item.add_marker(pytest.mark.xdist_group("alone"))
    items.sort(key=lambda item: (item.get_closest_marker("alone") is not None, not item.get_closest_marker("long")))


@pytest.fixture(scope="session")
def cloud_of_the_tests() -> LocalCloud:
    """Deploy the real stack to a separate local AWS with waits at a twentieth of their length.

    It enforces the permissions of the functions' roles and accepts only TLS, so a missing grant fails a test.
    """
    stack = up(CHECKOUT, Settings(wait_scale="0.05", is_strict=True))
    ministack = find(CHECKOUT.state, "ministack")
    assert ministack is not None
    # Each worker has a queue, because a message that one consumer receives is hidden from the others.
    own = ensure_queue(stack.topic_arn, stack.aws_endpoint_url, f"tests-{uuid4().hex}")
    cloud = LocalCloud(replace(stack, queue_url=own), ministack.pid)
    cloud.simulator.log_limit(None)  # the setting is a minute, and a minute of the jobs' waits takes three seconds here
    return cloud


@pytest.fixture
def cloud(cloud_of_the_tests: LocalCloud, request: pytest.FixtureRequest) -> Iterator[LocalCloud]:
    """Yield the deployed stack, shared with other tests or, if the test is marked so, exclusively."""
    is_alone = request.node.get_closest_marker("alone") is not None
    assert not is_alone or "PYTEST_XDIST_WORKER" not in os.environ or request.node.nodeid.endswith("@alone"), "a group"
    with _locked(fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH):
        yield cloud_of_the_tests


@pytest.fixture(scope="module")
def cloud_of_the_module(cloud_of_the_tests: LocalCloud) -> Iterator[LocalCloud]:
    """Yield the stack for several tests of a module. Tests marked `alone` wait until the module is done."""
    with _locked(fcntl.LOCK_SH):
        yield cloud_of_the_tests


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Yield the browser of all tests in the group `browser`, because one process can drive only one."""
    if not is_for_this_machine():
        pytest.skip("The browser that comes with npm is for Linux on x86-64: run these tests there.")
    with chromium() as opened:
        yield opened


@contextmanager
def _locked(how: int) -> Iterator[None]:
    with (CHECKOUT.state / LOCK).open("w") as lock:
        fcntl.flock(lock, how)
        yield


@pytest.fixture
def run(cloud: LocalCloud, tmp_path: Path) -> Run:
    """Run the installed command line in an empty folder where it can find only the local cloud."""
    environment = cloud.environment(HOME=str(tmp_path), PROMPTREEL_LOCAL=str(STACK_FILE))

    def call(*arguments: str, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [sys.executable, "-m", "promptreel", *arguments],
            cwd=tmp_path,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == code, ended.stderr
        return ended

    return call
