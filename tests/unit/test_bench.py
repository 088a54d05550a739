"""Test the benchmarks that run the shipped code in one process, so that no change to it breaks them unnoticed."""

import subprocess
import sys
from pathlib import Path
from statistics import mean

import pytest

from bench import waiting
from bench.scale import slots

PROD = waiting.usual_stage()


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
    assert [len(row) for row in rows] == [1 + len(waiting.FIGURES)] * 4


def test_many_jobs_do_not_exceed_the_allowed_polls_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "CROWDS", (300,))
    ours, before = waiting.crowds(rounds=2)
    assert ours["highest"] <= PROD.polls_per_second + 1 < before["mean"]
    assert ours["lag"] < 300 / PROD.polls_per_second
    assert f"| {ours['highest']} |" in waiting.page({**waiting.measured(1, 1), "crowds": [ours, before]})


def test_a_burst_of_jobs_is_granted_its_slots_together() -> None:
    granted = slots.burst(32, owners=2)
    assert granted["calls"] < 3, "one by one it is four to six"


def test_creates_are_measured_with_the_shipped_handler() -> None:
    code = "from bench import creates; creates.CALLERS = (1, 2); print(creates.page(creates.measure(True)))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    rows = [line for line in done.stdout.splitlines() if line.startswith(("| 1 |", "| 2 |"))]
    assert len(rows) == 2, done.stderr
    assert "| 5.0 | 0.00 | 0.0% |" in rows[0]
