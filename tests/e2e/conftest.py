"""The deployed stack, for all tests of this folder and for no others: one for all workers of a run."""

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

from local.processes import find
from local.provision import ensure_queue
from local.services import throw_away
from local.settings import Settings
from local.up import up
from tests.support.local_cloud import CHECKOUT, STACK_FILE, LocalCloud, Run

TIMEOUT_SECONDS = 900  # jobs of a minute and sweeps of another are waited for, and other tests at the same time
LOCK = "apart"  # held together by all tests, and by one alone where nothing else may go on


def pytest_configure(config: pytest.Config) -> None:
    """Whoever starts the run begins with nothing, and leaves nothing; its workers share what the first one starts."""
    if not hasattr(config, "workerinput"):
        throw_away(CHECKOUT)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        throw_away(CHECKOUT)


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first; what must be alone comes last, and one after another."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            is_nightly = item.get_closest_marker("nightly") is not None
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS * (4 if is_nightly else 1)))
            if item.get_closest_marker("alone"):
                item.add_marker(pytest.mark.xdist_group("alone"))
    items.sort(key=lambda item: (item.get_closest_marker("alone") is not None, not item.get_closest_marker("long")))


@pytest.fixture(scope="session")
def cloud_of_the_tests() -> LocalCloud:
    """The real stack, deployed to a local AWS of the tests' own in which waits take a twentieth of their time.

    It enforces what the functions' roles may do, and takes nothing but TLS: a grant that is missing fails a test.
    """
    stack = up(CHECKOUT, Settings(wait_scale="0.05", is_strict=True))
    ministack = find(CHECKOUT.state, "ministack")
    assert ministack is not None
    # A queue of this worker's own: what one takes from a queue no other hears.
    own = ensure_queue(stack.topic_arn, stack.aws_endpoint_url, f"tests-{uuid4().hex}")
    cloud = LocalCloud(replace(stack, queue_url=own), ministack.pid)
    cloud.simulator.log_limit(None)  # it is for a minute, and a minute of the jobs' waits takes three seconds here
    return cloud


@pytest.fixture
def cloud(cloud_of_the_tests: LocalCloud, request: pytest.FixtureRequest) -> Iterator[LocalCloud]:
    """The deployed stack, beside other tests or, for one that is marked so, alone."""
    is_alone = request.node.get_closest_marker("alone") is not None
    assert not is_alone or "PYTEST_XDIST_WORKER" not in os.environ or request.node.nodeid.endswith("@alone"), "a group"
    with _locked(fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH):
        yield cloud_of_the_tests


@pytest.fixture(scope="module")
def cloud_of_the_module(cloud_of_the_tests: LocalCloud) -> Iterator[LocalCloud]:
    """The same for what several tests of a module share: while it is there, no test is alone."""
    with _locked(fcntl.LOCK_SH):
        yield cloud_of_the_tests


@contextmanager
def _locked(how: int) -> Iterator[None]:
    with (CHECKOUT.state / LOCK).open("w") as lock:
        fcntl.flock(lock, how)
        yield


@pytest.fixture
def run(cloud: LocalCloud, tmp_path: Path) -> Run:
    """The installed command line, in an empty folder, with nothing but the local cloud to be found."""
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
