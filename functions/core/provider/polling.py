"""When to look again: how long to wait before the next check, and when to stop waiting."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import GenerationTimedOut


@dataclass(frozen=True)
class Schedule:
    """All in seconds since, or between: see docs/decisions/0005-waiting.md for where the defaults of a stage come
    from."""

    first: int  # from the submission to the first check: sooner, hardly any generation is done
    every: int  # between checks until the deadline
    deadline: int  # from the submission: later, something is wrong, but the video is paid for ...
    slow: int  # ... so it is looked for this seldom ...
    give_up: int  # ... until this long after the deadline

    def next_check(self, submitted_at: datetime, now: datetime) -> int:
        """Seconds to wait from now; `GenerationTimedOut` past the last check."""
        age = (now - submitted_at).total_seconds()
        if age >= self.deadline + self.give_up:
            raise GenerationTimedOut(
                f"The provider did not finish within {timedelta(seconds=self.deadline + self.give_up)}."
            )
        if age < self.deadline:
            return max(self.every, round(self.first - age))
        return self.slow


def backoff(age: float) -> int:
    """Seconds to wait after a refusal that names no time, `age` seconds after the request came: ever rarer, at most a
    minute."""
    return int(min(60, max(2, age)))
