"""A hold: the credits that one generation takes from budgets, and its part in the sums of usage.

A hold is a part of its generation's record, so its id is that of the generation's run:

    recorded ──▶ open ──announced──▶ closed ──reopened──▶ open, in the next run
                                       └──deleted

It is open from the write that records or reopens the generation until the write that announces the end. Both writes are
transactions that change the budgets as well. Each write is conditional: only a closed hold is opened, and only the open
hold of the latest run is closed, once. Nothing else writes a hold. So if the condition of a write is met, the hold has
not changed since it was read.

A hold remembers where it was counted: the credits in each day and month of each budget, and the sums of usage. Credits
are given back only there. At any time, the credits of the current day and month of a budget are the total of all holds
in that day and month.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core.stored import part

OF_KEY = "key/"  # the beginning of the scope of a line of API keys
Counts = Mapping[str, Mapping[str, int]]  # credits by the scope of a budget and by period: 2026-11-25, 2026-11


@dataclass(frozen=True)
class Counted:
    """How an ended generation was counted in the sums of usage."""

    day: str  # 2026-11-25
    completed: int
    failed: int
    credits: int
    error: str | None
    tags: list[str]
    key: str | None = None  # the line of API keys; empty without a key, and None if it was not counted by key


@dataclass(frozen=True)
class Hold:
    """The hold of a generation. `credits` are held while it is open, and charged once it is closed."""

    scopes: list[str]  # the budgets that it takes credits from
    credits: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    counted: Counted | None = None  # at its latest end

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Hold":
        """Return the hold that these fields of a record describe."""
        counted = fields.get("counted")
        return part(cls, {**fields, "counted": part(Counted, counted) if counted else None})

    @property
    def key_line(self) -> str:
        """Return the line of API keys whose budget counts the generation, or nothing if no key asked for it."""
        return next((scope.removeprefix(OF_KEY) for scope in self.scopes if scope.startswith(OF_KEY)), "")

    def taking(self, credits_: int, periods: Mapping[str, tuple[str, str]]) -> "Hold":
        """Return the hold after it takes credits from each of its scopes, which are in these days and months."""
        counts = {scope: dict(counted) for scope, counted in self.counts.items()}
        for scope in self.scopes:
            counted = counts.setdefault(scope, {})
            for period in periods[scope]:
                counted[period] = counted.get(period, 0) + credits_
        return replace(self, credits=self.credits + credits_, counts=counts)

    def giving_back(self, credits_: int) -> tuple["Hold", Counts]:
        """Return the hold after it gives credits back, and the credits for each period of each scope."""
        given = {scope: dict(_latest(counted, credits_)) for scope, counted in self.counts.items()}
        counts = {
            scope: {period: has - given[scope].get(period, 0) for period, has in counted.items()}
            for scope, counted in self.counts.items()
        }
        return replace(self, credits=self.credits - credits_, counts=counts), given


def _latest(counted: Mapping[str, int], credits_: int) -> Iterator[tuple[str, int]]:
    """Yield the latest days that count this many credits, and the latest months, with the credits of each."""
    left = {len("2026-11-25"): credits_, len("2026-11"): credits_}
    for period in sorted(counted, reverse=True):
        if given := min(left[len(period)], counted[period]):
            left[len(period)] -= given
            yield period, given
