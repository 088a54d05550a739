"""How long a job waits before the provider is called again, where it spends the wait, and when it is given up.

Every such rule of the workflow is here: of Submit, of LookUpSubmission and of CheckStatus. core.slots.shortages has
the rules for jobs that wait for credits. An execution's history holds
25,000 events and each turn of its loop takes fourteen, so no rule may let a job turn too often.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

from core.errors import GenerationTimedOut, SubmissionTimedOut
from core.learned.times import Times

# A turn of the workflow's loop costs as much as these seconds of a waiting function: three state transitions at
# 0.000025 USD, and 192 MiB on arm64 at 0.0000133334 USD per GiB and second (us-east-1).
TURN_SECONDS = 30
LATE_SECONDS = 10  # the possible delay of a poll, for a function's start and the provider's answer
SOONER = 0.8
LONGEST_LEARNED = 60  # seconds of a learned wait, so that other owners' slow jobs do not delay a job for longer


@dataclass(frozen=True)
class SubmitSchedule:
    """When Submit is invoked again, and when the submission is polled first; in seconds."""

    deadline: int  # since the job was admitted: how long to retry after a temporary rejection
    timeout: int  # of the submit function: an older claim was left by an invocation that died
    first: int  # from the submission to the first poll, if nothing has been learned about the model

    def after_rejection(self, age: timedelta, retry_after: float | None, reason: str) -> int:
        """Return how long to wait after the provider rejected a request for now, `age` after its job was admitted.

        The wait is as long as the provider asks for, and never shorter than the back-off. Raise `SubmissionTimedOut`
        past the deadline.
        """
        self.check_deadline(age, reason)
        return round(min(max(retry_after or 0, backoff(age.total_seconds())), self.deadline))

    def check_deadline(self, age: timedelta, reason: str) -> None:
        """Raise `SubmissionTimedOut` if the provider has not accepted the request for too long."""
        tried = timedelta(seconds=self.deadline)
        if age >= tried:
            raise SubmissionTimedOut(
                f"The provider did not accept the request within {tried}. The last reason: {reason}"
            )

    def for_claim(self, age: timedelta) -> int | None:
        """Return how long another invocation that made its claim `age` ago may still run, or None if it has died."""
        if age < timedelta(seconds=self.timeout):
            return self.timeout - int(age.total_seconds())
        return None

    def first_poll(self, times: Times) -> int:
        """Return how long after the submission to poll first: as learned, or else `first`."""
        return first_wait(self.first, times)


@dataclass(frozen=True)
class LookUpSchedule:
    """When the provider's log is searched again for a create call whose answer was lost; in seconds."""

    first: int  # between the first searches, and less often as time passes ...
    slow: int  # ... at least this often ...
    give_up: int  # ... until this long after the call: the log lists every call by then

    def pause(self, age: timedelta) -> int | None:
        """Return how long to wait before the next search, `age` after the call, or None if it is too late."""
        if age >= timedelta(seconds=self.give_up):
            return None
        return int(min(self.slow, max(self.first, age.total_seconds() / 4)))


@dataclass(frozen=True)
class Turn:
    """Which job is about to be polled, and when: its slot, how many slots are in use, and the time in seconds."""

    slot: int
    in_use: int
    now: float


@dataclass(frozen=True)
class Schedule:
    """When CheckStatus polls, in seconds. docs/decisions/0005-waiting.md explains the defaults of a stage."""

    first: int  # from the submission to the first poll, if nothing has been learned about the model
    every: float  # between polls while the job may end at any moment; the lag is half of it
    stay: int  # the longest duration of a check in one invocation
    deadline: int  # from the submission; after it something is wrong, but the video is paid for ...
    slow: int  # ... so polls continue at this interval ...
    give_up: int  # ... until this long after the deadline
    polls_per_second: float = math.inf  # of all jobs together

    def cycle(self, in_use: int) -> float:
        """Return the seconds between two polls of a job while so many slots are in use, or 0 for the usual ones."""
        cycle = in_use / self.polls_per_second
        return cycle if cycle > self.every else 0

    def until_turn(self, turn: Turn, pause: float) -> float:
        """Return the seconds, about `pause`, until the job may be polled.

        If many slots are in use, each has its own moment in every cycle, so that the polls are evenly spaced.
        """
        cycle = self.cycle(turn.in_use)
        if not cycle:
            return pause
        earliest = turn.now + max(0.0, pause - self.every / 2)
        return earliest - turn.now + (turn.slot / self.polls_per_second - earliest) % cycle

    def pause(self, age: float, times: Times) -> float:
        """Return the seconds until the next poll of a job that was submitted `age` seconds ago and is not done.

        Raise `GenerationTimedOut` past the last poll.

        A learned pause is used only if it is longer than one turn of the state machine. Shorter ones save little, and
        cost lag if this generation differs from earlier ones.
        """
        if age >= self.deadline + self.give_up:
            raise GenerationTimedOut(
                f"The provider did not finish within {timedelta(seconds=self.deadline + self.give_up)}."
            )
        if age >= self.deadline:
            return self.slow
        if not times:
            return max(self.every, self.first - age)
        pause = min(LONGEST_LEARNED, (times.early(age) or 0) - age)
        return pause if pause > TURN_SECONDS else self.every

    def stays(self, pause: float, stayed: float) -> bool:
        """Return whether a check that has run for `stayed` seconds waits in its function.

        A short pause is cheaper there than as a turn of the loop.
        """
        return pause <= TURN_SECONDS and stayed + pause <= self.stay


@dataclass(frozen=True)
class Poll:
    """A poll that found the job pending (or its submission), and the planned pause after it; in seconds."""

    age: float
    pause: float

    def is_before(self, age: float) -> bool:
        """Return whether a poll at `age` is the next one as planned. If not, polls have failed in between."""
        return age - self.age <= self.pause + LATE_SECONDS

    def took(self, age: float) -> float | None:
        """Return the approximate duration of a generation that was found done at `age`, or None if polls have failed.

        It ended at some time since this poll. After a long pause it is assumed to have ended early. Otherwise the
        learned time could never fall below the first poll.
        """
        if not self.is_before(age):
            return None
        return max(SOONER * age, (self.age + age) / 2)


def first_wait(first: int, times: Times) -> int:
    """Return the seconds from the submission to the first poll: as learned, or else `first`."""
    early = times.early()
    return first if early is None else max(1, min(LONGEST_LEARNED, round(early)))


def backoff(age: float) -> int:
    """Return the seconds to wait after a rejection that names no time, `age` seconds after the job was admitted.

    They grow with the age, up to a minute.
    """
    return int(min(60, max(2, age)))
