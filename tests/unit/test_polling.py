"""When the provider is asked again, and when it is given up."""

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import GenerationTimedOut
from core.provider.polling import Schedule, backoff

SCHEDULE = Schedule(first=30, every=5, deadline=1800, slow=900, give_up=86400)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "wait"),
    [(0, 30), (10, 20), (29, 5), (30, 5), (1799, 5), (1800, 900), (1800 + 86399, 900)],
)
def test_checks_begin_late_then_come_often_and_past_the_deadline_seldom(age: int, wait: int) -> None:
    assert SCHEDULE.next_check(START, START + timedelta(seconds=age)) == wait


def test_a_day_past_the_deadline_the_generation_is_given_up() -> None:
    with pytest.raises(GenerationTimedOut, match="did not finish within 1 day, 0:30:00"):
        SCHEDULE.next_check(START, START + timedelta(seconds=1800 + 86400))


def test_refusals_without_a_time_are_waited_out_ever_longer_up_to_a_minute() -> None:
    assert [backoff(age) for age in (0, 5, 30, 1000)] == [2, 5, 30, 60]
