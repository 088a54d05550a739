"""What a polling schedule costs and how late it notices: `python bench/waiting.py`.

Simulates jobs whose generation times are lognormal (median 45 s, sigma 0.3, as seen of 5-second veo2 clips) under the
stages' schedule and under those of other clients of such APIs. Lag: from done to noticed, in seconds.
"""

import random
import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import log
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "functions")]

from core.provider.polling import Schedule  # noqa: E402 - found only now
from infra.config import stage_named  # noqa: E402

JOBS = 20_000
TRANSITION_USD = 0.000025  # a Standard workflow's, us-east-1, 2026
START = datetime(2026, 1, 1, tzinfo=UTC)
Wait = Callable[[float], float]


def ours() -> Wait:
    """The schedule of the stage prod."""
    s = stage_named("prod")
    schedule = Schedule(
        s.poll_first_seconds,
        s.poll_every_seconds,
        s.poll_deadline_seconds,
        s.poll_slow_seconds,
        s.poll_give_up_seconds,
    )
    return lambda age: schedule.next_check(START, START + timedelta(seconds=age))


def job(done: float, wait: Wait) -> tuple[float, int]:
    """Lag in seconds, and checks, of a job that takes `done` seconds."""
    age, checks = 0.0, 0
    while age < done:
        age += wait(age)
        checks += 1
    return age - done, checks


def main() -> None:
    schedules: dict[str, Wait] = {
        "promptreel": ours(),
        "provider's sample, every 15 s": lambda _: 15,
        "google-genai sample, every 20 s": lambda _: 20,
        "every 10 s": lambda _: 10,
        "n8n node, every 2 s": lambda _: 2,
    }
    random.seed(1)
    times = [random.lognormvariate(log(45), 0.3) for _ in range(JOBS)]
    print(f"{'schedule':34}{'mean lag':>9}{'p95':>7}{'checks':>8}{'USD a job':>11}")  # noqa: T201 - the result
    for name, wait in schedules.items():
        lags, checks = zip(*(job(time, wait) for time in times), strict=True)
        mean_checks = statistics.mean(checks)
        # Admit, Submit, IsSubmitted? and Finalize; a turn of the loop is three.
        usd = (4 + 3 * mean_checks) * TRANSITION_USD
        p95 = statistics.quantiles(lags, n=20)[-1]
        print(f"{name:34}{statistics.mean(lags):9.1f}{p95:7.1f}{mean_checks:8.1f}{usd:11.5f}")  # noqa: T201


if __name__ == "__main__":
    main()
