from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.simulator.process import Behaviour
from local.simulator.server import Simulator
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
