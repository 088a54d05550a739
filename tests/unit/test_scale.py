"""Test the simulation of docs/scale.md."""

import math
from pathlib import Path

import pytest

from bench.scale import ceilings
from bench.scale.quotas import OURS, QUOTAS, RAISE, Quota

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def quota(rate: float, *, burst: float = 0.0) -> Quota:
    return Quota("a part", "a quota", rate, "requests", "ours", "raise it", burst=burst)


def seconds(*used: float) -> list[float]:
    """Return what is used in each second, after a warm-up that does not count."""
    return [1e9] * ceilings.WARM_UP_SECONDS + list(used)


@pytest.mark.parametrize(
    ("quota", "used", "share"),
    [
        (quota(10), seconds(5, 8, 5), 0.8),
        (quota(10), seconds(5, 20, 5), 2.0),
        (quota(10, burst=100), seconds(5, 20, 5), 1.0),  # of the rate; the bucket absorbs the peak
        (quota(10, burst=100), seconds(*[5] * 9, 50), 0.95),
        (quota(10, burst=100), seconds(*[20] * 100), 2.0),
    ],
    ids=["below", "above", "a peak", "a large peak", "a rate"],
)
def test_a_bucket_absorbs_a_peak_but_not_a_rate(quota: Quota, used: list[float], share: float) -> None:
    assert math.isclose(ceilings._peak(quota, used), share)


@pytest.mark.parametrize("rate", [10, 100])
def test_the_simulation_meets_the_limits_below_its_rate_and_no_others(rate: int) -> None:
    simulated = ceilings.simulate(rate)
    for one in ceilings.ceilings():
        share = simulated[f"{one.quota.part}, {one.quota.name}"]
        if one.rate < 0.8 * rate:
            assert share > 1, one.quota.name
        elif one.rate > 2 * rate:
            assert share < 1, one.quota.name


@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: f"{quota.part}, {quota.name}")
def test_a_quota_of_aws_links_to_its_page_and_asks_for_no_increase_that_aws_does_not_grant(quota: Quota) -> None:
    assert quota.source.startswith("https://docs.aws.amazon.com/")
    assert quota.then.startswith(RAISE) == quota.can_be_raised
    assert quota.elsewhere is None or quota.elsewhere < quota.rate


def test_each_limit_has_a_counted_use_and_each_use_a_limit() -> None:
    limits = (*ceilings.own(), *QUOTAS)
    assert {quota.use for quota in limits} == set(ceilings.uses())
    assert all(ceilings.uses().values())
    assert {quota.source for quota in ceilings.own()} == {OURS}


def test_the_page_says_which_numbers_aws_does_not_confirm() -> None:
    doubts = [quota.doubt for quota in QUOTAS if quota.doubt]
    assert doubts
    assert [doubt for doubt in doubts if doubt not in PAGE.read_text("utf-8")] == []


@pytest.mark.parametrize(("age", "visits"), [(59, 0), (60, 1), (119, 1), (120, 2), (480, 4)])
def test_the_sweep_looks_after_a_job_at_one_minute_and_then_at_twice_its_age(age: float, visits: int) -> None:
    assert ceilings._visits(age) == visits
