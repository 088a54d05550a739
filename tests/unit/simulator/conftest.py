from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.simulator.process import Behaviour
from local.simulator.server import Simulator
from tests.support.sandbox import SandboxClient, make_provider, served
from tests.support.simulator_client import KEY, Client, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(clock: Clock) -> Iterator[Client]:
    with Simulator(Behaviour(keys=[KEY], seconds=6, link_lifetime=600, clock=clock)) as simulator:
        yield Client(simulator.url)


@pytest.fixture
def sandbox_client(clock: Clock, aws: None) -> Iterator[SandboxClient]:  # noqa: ARG001 - sets up
    """Yield a client of the sandbox's provider, which has no control."""
    for url in served(make_provider(clock)):
        yield SandboxClient(url)


@pytest.fixture(params=["client", "sandbox_client"], ids=["simulator", "sandbox"])
def either(request: pytest.FixtureRequest) -> Client:
    """Return a client of the simulator's process, and one of the sandbox, which keep the same contract."""
    client: Client = request.getfixturevalue(request.param)
    return client
