"""The deployed stack, for all tests of this folder and for no others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import find
from local.services import stop_all
from local.settings import Checkout, Settings
from local.up import up
from tests.support.local_cloud import LocalCloud

TIMEOUT_SECONDS = 600  # jobs of a minute and sweeps of another are waited for


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))


@pytest.fixture(scope="session")
def cloud_of_the_tests() -> Iterator[LocalCloud]:
    """The real stack, deployed to a local AWS of the tests' own in which waits take a twentieth of their time.

    It enforces what the functions' roles may do, and takes nothing but TLS: a grant that is missing fails a test.
    """
    checkout = Checkout(Path(__file__).parents[2], ".local/tests")
    stop_all(checkout)
    try:
        stack = up(checkout, Settings(wait_scale="0.05", is_strict=True))
        ministack = find(checkout.state, "ministack")
        assert ministack is not None
        yield LocalCloud(stack, ministack.pid)
    finally:
        stop_all(checkout)


@pytest.fixture
def cloud(cloud_of_the_tests: LocalCloud) -> LocalCloud:
    """The deployed stack."""
    return cloud_of_the_tests
