"""Responses of the API about costs, as frozen dataclasses. Amounts are the provider's prices in US dollars.

`raw` has all fields of a response.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """The estimated cost of a request."""

    usd: float
    at_most_usd: float  # the amount that budgets reserve; nine in ten such videos cost no more
    basis: str  # price, history, or reserve if nothing is known
    refused: str | None  # why a budget does not allow it now
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Estimate":
        """Read the estimate from the API's response."""
        return cls(raw["usd"], raw["at_most_usd"], raw["basis"], raw.get("refused"), raw)

    def __str__(self) -> str:
        amount = f"{self.usd:.2f} USD"
        names = ", ".join(self.raw.get("unchecked", ()))
        also = f"; {self.at_most_usd:.2f} USD reserved, because {names} is unchecked" if names else ""
        match self.basis:
            case "price":
                return f"{amount}, based on the provider's price{also}"
            case "history":
                rare = f"; one in ten costs more than {self.at_most_usd:.2f} USD"
                return f"{amount}, based on similar videos{also or rare}"
        return f"unknown cost, {amount} reserved"


@dataclass(frozen=True)
class Sum:
    """The number and cost of generations that ended: of a day, of a model, tag, key or batch, or in total."""

    completed: int
    failed: int
    usd: float
    day: str | None = None  # 2026-11-25, UTC
    which: str | None = None  # the model, tag, line of API keys or batch


@dataclass(frozen=True)
class Usage:
    """Costs grouped by day, model, tag, key or batch. Tags have no total, because a generation may have several."""

    by: str
    sums: tuple[Sum, ...]
    total: Sum | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Usage":
        """Read the usage from the API's response."""
        by, total = raw["by"], raw.get("total")
        sums = (Sum(one["completed"], one["failed"], one["usd"], one.get("day"), one.get(by)) for one in raw["data"])
        return cls(by, tuple(sums), Sum(total["completed"], total["failed"], total["usd"]) if total else None, raw)


@dataclass(frozen=True)
class Budget:
    """A limit of `all`, `owner/NAME` or `key/ID` for a day, month or hour (UTC): jobs per hour, otherwise dollars."""

    scope: str
    period: str
    limit: float
    used: float  # spent, or reserved for running jobs
    left: float
    renews_at: str
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Budget":
        """Read the budget from the API's response."""
        unit = "jobs" if raw["period"] == "hour" else "usd"
        limit, used, left = (raw[f"{name}_{unit}"] for name in ("limit", "used", "left"))
        return cls(raw["scope"], raw["period"], limit, used, left, raw["renews_at"], raw)
