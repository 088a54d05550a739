"""Test when the provider is polled, and when a job times out."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import GenerationTimedOut
from core.learned.times import FEW, Times
from core.provider.waiting import LONGEST_LEARNED, TURN_SECONDS, Poll, Schedule, Turn, backoff, first_wait

SCHEDULE = Schedule(first=30, every=2.5, stay=100, deadline=1800, slow=900, give_up=86400)
TAKING_TURNS = replace(SCHEDULE, polls_per_second=50)
NOTHING = Times()
SAME = Times.of([40.0] * 20)
TWO_KINDS = Times.of([28.0, 30.0, 32.0] * 10 + [115.0, 120.0, 125.0] * 10)
SECONDS = st.floats(0, 2000)


@pytest.mark.parametrize(
    ("age", "pause"),
    [(0, 30), (10, 20), (29, 2.5), (30, 2.5), (1799, 2.5), (1800, 900), (1800 + 86399, 900)],
)
def test_without_known_times_polls_start_late_become_frequent_and_end_rare(age: int, pause: float) -> None:
    assert SCHEDULE.pause(age, NOTHING) == pause


def test_a_generation_times_out_a_day_after_its_deadline() -> None:
    with pytest.raises(GenerationTimedOut, match="did not finish within 1 day, 0:30:00"):
        SCHEDULE.pause(1800 + 86400, SAME)


def test_with_known_times_the_first_poll_is_when_the_fastest_end() -> None:
    assert first_wait(30, NOTHING) == 30
    assert first_wait(30, Times.of([50.0] * (FEW - 1))) == 30, "so few times may not be typical"
    assert first_wait(30, Times.of([50.0] * FEW)) < 50
    assert first_wait(30, SAME) == 40
    assert first_wait(30, Times.of([0.1] * 50)) == 1, "Step Functions waits for whole seconds"


def test_slow_jobs_delay_the_polls_of_a_fast_one_by_a_minute_at_most() -> None:
    """The slow ones may be another owner's."""
    slow = Times.of([1500.0] * 100)
    assert first_wait(30, slow) == LONGEST_LEARNED == 60
    assert SCHEDULE.pause(60, slow) == LONGEST_LEARNED
    assert first_wait(90, NOTHING) == 90, "the setting is the operator's"


def test_one_outlier_has_no_effect() -> None:
    usual = [40.0 + at / 10 for at in range(99)]
    for outlier in (0.001, 1799.0):
        assert abs(first_wait(30, Times.of([*usual, outlier])) - first_wait(30, Times.of(usual))) <= 1


def test_there_are_no_polls_between_fast_and_slow_times() -> None:
    assert SCHEDULE.pause(31, TWO_KINDS) == SCHEDULE.every, "one of the fast may still come"
    pause = SCHEDULE.pause(38, TWO_KINDS)
    assert pause == LONGEST_LEARNED
    assert TURN_SECONDS < SCHEDULE.pause(38 + 60 - 20, TWO_KINDS) <= 115 - 78
    assert not SCHEDULE.stays(pause, 0)


def test_a_job_slower_than_all_known_times_is_polled_often() -> None:
    assert SCHEDULE.pause(41, SAME) == SCHEDULE.pause(1000, TWO_KINDS) == SCHEDULE.every


def test_a_check_stays_for_short_pauses_and_for_a_bounded_time() -> None:
    assert SCHEDULE.stays(2.5, 0)
    assert SCHEDULE.stays(2.5, 97.5)
    assert not SCHEDULE.stays(2.5, 98)
    assert not SCHEDULE.stays(31, 0)
    assert not replace(SCHEDULE, stay=0).stays(2.5, 0)


@given(st.lists(SECONDS, max_size=100), SECONDS)
@example([23.0] * 19, 0.0)  # all end exactly at the poll, so none has waited for it
@example([28.2] * 19, 4.6)  # 4.6 + (28.2 - 4.6) > 28.2
def test_a_pause_is_at_least_the_setting_and_few_generations_finish_during_it(seconds: list[float], age: float) -> None:
    pause, times = SCHEDULE.pause(age, Times.of(seconds)), Times.of(seconds)
    if age >= SCHEDULE.deadline:
        assert pause == SCHEDULE.slow
        return
    assert pause >= SCHEDULE.every
    later = [one for one in seconds if one > age]
    if times and pause > SCHEDULE.every:
        poll = pytest.approx(age + pause)
        waiting = sum(one < age + pause and one != poll for one in later)
        assert waiting <= len(later) / 20


@given(st.lists(st.floats(1, 2000), min_size=FEW, max_size=100), st.floats(0, 1))
def test_an_early_time_is_among_the_known_or_a_little_earlier(seconds: list[float], share: float) -> None:
    early = Times.of(seconds).early()
    assert early is not None
    assert 0.75 * min(seconds) <= early <= max(seconds)
    assert (Times.of(one + share for one in seconds).early() or 0) >= early - 1e-9


def test_a_measured_time_is_as_exact_as_the_polls() -> None:
    assert Poll(40, 2.5).took(42.5) == 41.25
    assert Poll(0, 30).took(31) == pytest.approx(24.8), "earlier than the first poll, by an unknown time"
    assert Poll(0, 30).took(41) is None, "polls failed in between, and it may have ended long before"


def test_a_model_that_gets_faster_is_followed_although_each_poll_finds_it_done() -> None:
    known, wait = [55.0] * 20, first_wait(30, Times.of([55.0] * 20))
    for at in range(200):
        known[random.Random(at).randrange(20)] = Poll(0, wait).took(wait) or math.inf
        wait = first_wait(30, Times.of(known))
        if wait <= 12:
            return
    raise AssertionError(f"still {wait} s")


def test_pauses_after_rejections_without_a_time_grow_up_to_a_minute() -> None:
    assert [backoff(age) for age in (0, 5, 30, 1000)] == [2, 5, 30, 60]


@pytest.mark.parametrize("in_use", [0, 1, 125])
def test_few_jobs_need_no_turns(in_use: int) -> None:
    assert TAKING_TURNS.until_turn(Turn(7, in_use, 1e9), 2.5) == 2.5


@pytest.mark.parametrize("in_use", [150, 500, 2000])
def test_jobs_in_all_slots_poll_no_more_often_than_allowed(in_use: int) -> None:
    polls: list[float] = []
    for slot in range(in_use):
        now = random.Random(slot).uniform(1e9, 1e9 + 60)  # when its check begins
        now += TAKING_TURNS.until_turn(Turn(slot, in_use, now), 0)
        while now < 1e9 + 300:
            polls.append(now)
            now += 0.2  # the provider's answer
            now += TAKING_TURNS.until_turn(Turn(slot, in_use, now), TAKING_TURNS.every)
    polls = sorted(at for at in polls if at > 1e9 + 100)
    in_a_second = [later - earlier for earlier, later in zip(polls, polls[51:], strict=False)]
    assert min(in_a_second) >= 0.99, "of 52 polls, the first and the last are a second apart"
    assert 0.9 < len(polls) / (200 * 50) <= 1.01


@given(st.integers(0, 9999), st.integers(0, 9999), st.floats(1.7e9, 2e9), st.sampled_from([0.0, 2.5, 40.0, 900.0]))
@example(slot=499, in_use=0, now=1.8e9, pause=0.0)
def test_a_turn_is_about_when_the_schedule_says_and_never_later_than_a_cycle(
    slot: int, in_use: int, now: float, pause: float
) -> None:
    wait = TAKING_TURNS.until_turn(Turn(slot, in_use, now), pause)
    assert max(0.0, pause - TAKING_TURNS.every / 2) <= wait <= pause + TAKING_TURNS.cycle(in_use)
