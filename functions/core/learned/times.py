"""Times of similar generations."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

FEW = 5  # with fewer times than these nothing is assumed: they may be the times of one busy moment
QUIET = 1.1  # a generation that took this many times as long as another one is not like that one
EARLY = 0.05  # the share of the generations that are done by the early time


@dataclass(frozen=True)
class Times:
    """The seconds that the latest similar generations took, shortest first."""

    seconds: tuple[float, ...] = ()

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Self:
        """Return these times, given in any order."""
        return cls(tuple(sorted(seconds)))

    def __bool__(self) -> bool:
        return len(self.seconds) >= FEW

    def early(self, age: float = 0) -> float | None:
        """Return when the first few generations that take longer than `age` are done, in seconds from the submission.

        If only a few took longer, the result is slightly less than the shortest of their times. Return None if too few
        took longer, or if one took nearly as long as `age`, because the next one may then be done at any moment.
        """
        at = bisect_right(self.seconds, age)
        later = self.seconds[at:]
        if len(later) < FEW or (at and age < self.seconds[at - 1] * QUIET):
            return None
        rank = EARLY * (len(later) + 1)
        if rank < 1:
            return later[0] * (0.75 + 0.25 * rank)
        below = int(rank)
        return later[below - 1] + (rank - below) * (later[below] - later[below - 1])

    def shown(self) -> dict[str, Any] | None:
        """Return the times for users, or None if nothing is known.

        They are `median_seconds`, `slowest_tenth_seconds` (one generation in ten takes as long or longer), and `jobs`,
        the number of generations behind them.
        """
        if not self.seconds:
            return None
        count = len(self.seconds)
        return {
            "median_seconds": round(self.seconds[count // 2], 1),
            "slowest_tenth_seconds": round(self.seconds[min(count - 1, count * 9 // 10)], 1),
            "jobs": count,
        }
