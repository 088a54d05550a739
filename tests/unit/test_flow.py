"""As many connections as are worth it, fewer where the host asks for that, and none where nothing comes."""

from collections.abc import Callable
from typing import Any

import pytest

from core.archive import flow as module
from core.archive.flow import WINDOW_BYTES, Flow, Stopped
from core.errors import VideoUnavailable

CHUNK = 1 << 18


class Clock:
    """Time that passes as bytes arrive, at the speed that so many connections get."""

    def __init__(self, speed: Callable[[int], float]) -> None:
        self.speed = speed
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def let_arrive(self, flow: Flow, size: int) -> list[int]:
        """The numbers of connections that there were while so many bytes arrived."""
        seen = [flow.connections]
        for _ in range(size // CHUNK):
            self.now += CHUNK / self.speed(flow.connections)
            flow.received(CHUNK)
            if flow.connections != seen[-1]:
                seen.append(flow.connections)
                if flow.connections > seen[-2]:
                    flow.began()
        return seen


def flow_at(speed: Callable[[int], float], **options: Any) -> tuple[Flow, Clock]:
    clock = Clock(speed)
    return Flow(lambda: 900.0, clock=clock, **options), clock


def test_a_host_that_limits_each_connection_gets_as_many_as_are_allowed() -> None:
    flow, clock = flow_at(lambda connections: connections * 20e6)
    assert clock.let_arrive(flow, 256 << 20) == [2, 4, 8]
    assert clock.now < 256 * (1 << 20) / 160e6 + 0.6, "and soon"


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_than_the_most(most: int) -> None:
    flow, clock = flow_at(lambda connections: connections * 20e6, most=most)
    assert max(clock.let_arrive(flow, 256 << 20)) == most


def test_a_link_that_is_full_is_not_shared_by_more() -> None:
    flow, clock = flow_at(lambda _: 50e6)
    assert clock.let_arrive(flow, 512 << 20) == [2, 4, 2]


def test_a_host_that_limits_all_together_is_left_at_what_helped() -> None:
    flow, clock = flow_at(lambda connections: min(connections, 4) * 20e6)
    assert clock.let_arrive(flow, 512 << 20) == [2, 4, 8, 4]


def test_a_slow_link_is_measured_by_what_it_brings() -> None:
    """A quarter of a second of it would say nothing."""
    flow, clock = flow_at(lambda connections: connections * 100e3)
    clock.let_arrive(flow, 2 * WINDOW_BYTES - CHUNK)
    assert (flow.connections, clock.now > 30) == (2, True)
    clock.let_arrive(flow, CHUNK)
    assert flow.connections == 4


def test_three_that_do_not_help_are_two_again() -> None:
    flow, clock = flow_at(lambda _: 50e6, most=3)
    assert clock.let_arrive(flow, 512 << 20) == [2, 3, 2]


def test_who_asks_for_less_is_not_asked_for_more_again() -> None:
    flow, clock = flow_at(lambda connections: connections * 20e6)
    clock.let_arrive(flow, 128 << 20)
    flow.refused()
    assert clock.let_arrive(flow, 128 << 20) == [4]
    for _ in range(5):
        flow.refused()
    assert flow.connections == 1


def test_it_is_given_up_only_when_nothing_at_all_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_SECONDS", 0.0)
    flow, _ = flow_at(lambda _: 1e6)
    error = VideoUnavailable("broken")
    for _ in range(100):
        flow.failed(error, 1)
        flow.received(1)  # on whichever connection
    for number in range(2 * module.PATIENCE - 1):  # of two connections
        flow.failed(error, number + 1)
    with pytest.raises(VideoUnavailable, match="broken"):
        flow.failed(error, 1)


def test_waiting_ends_when_no_more_is_wanted_or_the_time_is_up() -> None:
    flow, _ = flow_at(lambda _: 1e6)
    flow.stop()
    with pytest.raises(Stopped):
        flow.failed(VideoUnavailable("broken"), 1, wait=3600)
    with pytest.raises(Stopped):
        flow.received(1)
    late = Flow(lambda: -1.0)
    with pytest.raises(Stopped):
        late.failed(VideoUnavailable("broken"), 1, wait=3600)
    with pytest.raises(Stopped):
        late.received(1)
