"""Simulate how many functions run at once when all slots are in use, with the shipped settings and schedule.

Lambda throttles the functions of an account that has reached its concurrency, those of the HTTP API among them.
"""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.learned.times import Times
from core.provider.waiting import Schedule
from infra.config import Stage, UnknownStage

HOURS = 2
STEP = 0.25  # seconds
START, POLL, ARCHIVE = 0.15, 0.15, 3.0  # seconds of a function's own work
REQUESTS, REQUEST = 5, 0.1  # of the HTTP API in a second, and the seconds of each
TIMES = Times.of(random.Random(1).lognormvariate(3.9, 0.3) for _ in range(50))

Interval = tuple[float, float]


def checks(stage: Stage, times: Times, seed: int) -> Iterator[Interval]:
    """Return when the functions of one slot run: one job after another, as CheckStatus polls it."""
    schedule = Schedule(
        stage.poll_first_seconds,
        stage.poll_every_seconds,
        stage.stay_seconds,
        stage.poll_deadline_seconds,
        stage.poll_slow_seconds,
        stage.poll_give_up_seconds,
    )
    rng = random.Random(seed)
    at = rng.uniform(0, 60)
    while at < HOURS * 3600:
        submitted, took = at, rng.lognormvariate(3.9, 0.3)
        at += stage.poll_first_seconds
        while True:
            invoked, at = at, at + START
            while (pause := schedule.pause(at - submitted, times)) and at - submitted < took:
                at += POLL
                if not schedule.stays(pause, at - invoked):
                    break
                at += pause
            yield invoked, at
            if at - submitted >= took:
                break
            at += max(1, round(pause)) + 0.3  # the transitions of the workflow
        yield at, at + ARCHIVE
        at += ARCHIVE


def share_taken(stage: Stage, times: Times, others: int = 0) -> float:
    """Return the share of the time in which the account can run no further function. `others` run all the time."""
    running = [others] * int(HOURS * 3600 / STEP)
    rng = random.Random(0)
    requests = [rng.uniform(0, HOURS * 3600) for _ in range(REQUESTS * HOURS * 3600)]
    intervals = [(at, at + REQUEST) for at in requests]
    for slot in range(stage.slots):
        intervals += checks(stage, times, seed=slot)
    for start, end in intervals:
        for step in range(int(start / STEP), min(int(end / STEP) + 1, len(running))):
            running[step] += 1
    return sum(one >= stage.account_concurrency for one in running) / len(running)


@pytest.mark.parametrize("times", [Times(), TIMES], ids=["nothing learned", "learned"])
@pytest.mark.parametrize(("account", "slots"), [(10, 10), (50, 20), (1000, 20)])
def test_polls_leave_room_for_other_functions(account: int, slots: int, times: Times) -> None:
    stage = Stage("test", account_concurrency=account)
    assert stage.slots == slots
    assert share_taken(stage, times) < 0.01
    # Files are read, and receivers of webhooks hang, as many as there may be.
    assert share_taken(stage, times, others=2 * stage.queue_concurrency) < 0.2


def test_the_simulation_sees_polls_that_take_all_of_a_new_account() -> None:
    assert share_taken(Stage("test", in_flight_limit=20, poll_stay_seconds=100), Times()) > 0.5


def test_settings_of_a_stage_override_what_the_concurrency_decides() -> None:
    stage = Stage("test", account_concurrency=10, in_flight_limit=7, poll_stay_seconds=3)
    assert (stage.slots, stage.stay_seconds) == (7, 3)


def test_a_reserve_that_aws_would_refuse_is_refused_before() -> None:
    large = Stage("test", account_concurrency=130, reserved_concurrency=10)
    with pytest.raises(UnknownStage, match="70 invocations are left"):
        replace(large, account_concurrency=100)
