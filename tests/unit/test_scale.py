"""Test the simulation of docs/scale.md."""

import math

import pytest

from bench.scale import ceilings
from bench.scale.quotas import Quota


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
