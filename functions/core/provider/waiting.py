"""When to look again: how long to pause before the next look, where to spend the pause, and when to stop waiting."""

from dataclasses import dataclass
from datetime import timedelta

from core.errors import GenerationTimedOut
from core.provider.generation_times import Times

# A turn of the workflow's loop costs as much as so many seconds that a check stays: three state transitions at
# 0.000025 USD, and 256 MiB on arm64 at 0.0000133334 USD a GiB and second (us-east-1).
TURN_SECONDS = 22.5
LATE_SECONDS = 10  # that a look may come later than planned: starts, and the provider's answer
SOONER = 0.8


@dataclass(frozen=True)
class Schedule:
    """All in seconds since, or between: see docs/decisions/0005-waiting.md for where the defaults of a stage come
    from."""

    first: int  # from the submission to the first look, as long as nothing is known of the model
    every: float  # between looks while it may be done at any moment: the lag is half of it
    stay: int  # that a check may go on in one invocation
    deadline: int  # from the submission: later, something is wrong, but the video is paid for ...
    slow: int  # ... so it is looked for this seldom ...
    give_up: int  # ... until this long after the deadline

    def pause(self, age: float, times: Times) -> float:
        """Seconds until the next look at what was submitted `age` seconds ago and is not done; `GenerationTimedOut`
        past the last look.

        A pause that what was learned advises is made only where it is worth a turn of the loop: shorter ones save
        little, and cost lag where the generation is another one than those before.
        """
        if age >= self.deadline + self.give_up:
            raise GenerationTimedOut(
                f"The provider did not finish within {timedelta(seconds=self.deadline + self.give_up)}."
            )
        if age >= self.deadline:
            return self.slow
        if not times:
            return max(self.every, self.first - age)
        pause = (times.early(age) or 0) - age
        return pause if pause > TURN_SECONDS else self.every

    def stays(self, pause: float, stayed: float) -> bool:
        """Whether a check that is `stayed` seconds old spends the pause in its function: a short one is cheaper there
        than as a turn of the loop."""
        return pause <= TURN_SECONDS and stayed + pause <= self.stay


@dataclass(frozen=True)
class Look:
    """A look that found it pending (or its submission), and the pause that was to follow; in seconds."""

    age: float
    pause: float

    def took(self, age: float) -> float | None:
        """How long a generation took that was found done at `age`, as near as is known; None if it is not, because
        looks have failed in between.

        It ended at some time since this look. After a long pause it is taken to have ended early: what comes sooner
        than the first look would else never be seen.
        """
        if age - self.age > self.pause + LATE_SECONDS:
            return None
        return max(SOONER * age, (self.age + age) / 2)


def first_wait(first: int, times: Times) -> int:
    """Seconds from the submission to the first look: what is learned, or `first`."""
    return max(1, round(times.early() or first))


def backoff(age: float) -> int:
    """Seconds to wait after a refusal that names no time, `age` seconds after the request came: ever rarer, at most a
    minute."""
    return int(min(60, max(2, age)))
