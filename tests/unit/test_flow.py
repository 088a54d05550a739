"""Test the number of connections: as many as help, fewer if the host throttles, and none if nothing arrives."""

from collections.abc import Callable
from typing import Any

import pytest

from core.archive import flow as module
from core.archive.flow import WINDOW_BYTES, Flow, Stopped
from core.errors import VideoUnavailable

CHUNK = 1 << 18


class Clock:
    """A clock that advances as bytes arrive, at the speed of the current number of connections."""

    def __init__(self, speed: Callable[[int], float]) -> None:
        self.speed = speed
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def let_arrive(self, flow: Flow, size: int) -> list[int]:
        """Return the numbers of connections in use while this many bytes arrive."""
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


def test_a_host_that_limits_each_connection_gets_the_maximum() -> None:
    flow, clock = flow_at(lambda connections: connections * 20e6)
    assert clock.let_arrive(flow, 256 << 20) == [2, 4, 8]
    assert clock.now < 256 * (1 << 20) / 160e6 + 0.6, "and soon"


@pytest.mark.parametrize("most", [1, 2, 3])
def test_the_maximum_is_not_exceeded(most: int) -> None:
    flow, clock = flow_at(lambda connections: connections * 20e6, most=most)
    assert max(clock.let_arrive(flow, 256 << 20)) == most


def test_a_saturated_link_gets_one_connection() -> None:
    flow, clock = flow_at(lambda _: 50e6)
    assert clock.let_arrive(flow, 512 << 20) == [2, 4, 1]


def test_a_host_that_is_fastest_with_two_connections_keeps_two() -> None:
    flow, clock = flow_at(lambda connections: min(connections, 2) * 20e6)
    assert clock.let_arrive(flow, 512 << 20) == [2, 4, 1, 2]


def test_one_connection_is_measured_only_when_the_others_have_ended() -> None:
    flow, clock = flow_at(lambda connections: min(connections, 2) * 20e6)
    others: list[Any] = [object(), object()]
    for other in others:
        flow.opened(other)
    while flow.connections != 1:
        clock.let_arrive(flow, CHUNK)
    clock.speed = lambda _: 40e6  # because another one still reads
    assert clock.let_arrive(flow, 64 << 20) == [1]
    flow.closed(others[0])
    clock.speed = lambda connections: connections * 20e6
    assert clock.let_arrive(flow, 64 << 20) == [1, 2]


def test_a_host_with_a_total_limit_keeps_the_last_useful_number() -> None:
    flow, clock = flow_at(lambda connections: min(connections, 4) * 20e6)
    assert clock.let_arrive(flow, 512 << 20) == [2, 4, 8, 4]


def test_a_slow_link_is_measured_for_longer() -> None:
    """A quarter of a second of data would be too little to measure."""
    flow, clock = flow_at(lambda connections: connections * 100e3)
    clock.let_arrive(flow, 2 * WINDOW_BYTES - CHUNK)
    assert (flow.connections, clock.now > 30) == (2, True)
    clock.let_arrive(flow, CHUNK)
    assert flow.connections == 4


def test_a_third_connection_that_does_not_help_is_dropped() -> None:
    flow, clock = flow_at(lambda connections: min(connections, 2) * 25e6, most=3)
    assert clock.let_arrive(flow, 512 << 20) == [2, 3, 1, 2]


def test_connections_do_not_grow_again_after_throttling() -> None:
    flow, clock = flow_at(lambda connections: connections * 20e6)
    clock.let_arrive(flow, 128 << 20)
    flow.refused()
    assert clock.let_arrive(flow, 128 << 20) == [4]
    for _ in range(5):
        flow.refused()
    assert flow.connections == 1


def test_a_download_is_given_up_only_if_nothing_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_SECONDS", 0.0)
    flow, _ = flow_at(lambda _: 1e6)
    error = VideoUnavailable("broken")
    for _ in range(100):
        flow.failed(error, 1)
        flow.received(1)  # on any connection
    for number in range(2 * module.PATIENCE - 1):  # of two connections
        flow.failed(error, number + 1)
    with pytest.raises(VideoUnavailable, match="broken"):
        flow.failed(error, 1)


def test_waiting_ends_on_stop_or_timeout() -> None:
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
