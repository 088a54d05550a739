"""Test the replay of `bench/waiting.py`, so that changes to the shipped code cannot break it unnoticed."""

from statistics import mean

import pytest

from bench import waiting
from infra.config import stage_named

PROD = stage_named("prod")


def test_a_replayed_job_is_noticed_after_its_end_and_polled_less_once_times_are_learned() -> None:
    takes = [90.0] * 3 * waiting.AT_ONCE
    learned = waiting.Shipped.of(PROD).replay(takes)
    nothing = waiting.Shipped.of(PROD, learns=False).replay(takes)
    assert all(job.noticed is not None and 90 <= job.noticed < 95 for job in learned + nothing)
    first, last = learned[: waiting.AT_ONCE], learned[-waiting.AT_ONCE :]
    assert mean(job.polls for job in first) == mean(job.polls for job in nothing)
    assert mean(job.polls for job in last) < mean(job.polls for job in nothing) / 2


def test_the_section_shows_a_row_for_each_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "DISTRIBUTIONS", {"veo2": waiting.lognormal(45, 0.3)})
    page = waiting.page(waiting.measured(runs=2, jobs=waiting.AT_ONCE))
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| Promptreel")]
    assert [len(row) for row in rows] == [1 + len(waiting.FIGURES)] * 3
