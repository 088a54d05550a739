"""What the API says of money, as frozen dataclasses: US dollars of the provider's price. `raw` has all of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """What a request would cost."""

    usd: float
    at_most_usd: float  # what budgets hold for it: nine in ten cost no more
    basis: str  # price, history, or reserve, where nothing is known
    refused: str | None  # why a budget has no room for it now
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Estimate":
        """The estimate in the API's answer."""
        return cls(raw["usd"], raw["at_most_usd"], raw["basis"], raw.get("refused"), raw)

    def __str__(self) -> str:
        amount = f"{self.usd:.2f} USD"
        match self.basis:
            case "price":
                return f"{amount}, by the provider's price"
            case "history":
                return f"{amount}, as such videos cost here; one in ten more than {self.at_most_usd:.2f}"
        return f"unknown: {amount} are held for it"


@dataclass(frozen=True)
class Sum:
    """Generations that ended, and what they cost: of a day, of a model, tag or batch in it, or of all."""

    completed: int
    failed: int
    usd: float
    day: str | None = None  # 2026-11-25, UTC
    which: str | None = None  # the model, tag or batch


@dataclass(frozen=True)
class Usage:
    """Sums by `by`: day, model, tag or batch. Tags have no total, since a generation counts for each of its own."""

    by: str
    sums: tuple[Sum, ...]
    total: Sum | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Usage":
        """The usage in the API's answer."""
        by, total = raw["by"], raw.get("total")
        sums = (Sum(one["completed"], one["failed"], one["usd"], one.get("day"), one.get(by)) for one in raw["data"])
        return cls(by, tuple(sums), Sum(total["completed"], total["failed"], total["usd"]) if total else None, raw)


@dataclass(frozen=True)
class Budget:
    """One limit: of `all`, `owner/NAME` or `key/ID`, in a day, month or hour (UTC). An hour has jobs, not dollars."""

    scope: str
    period: str
    limit: float
    used: float  # spent, or held for what runs
    left: float
    renews_at: str
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Budget":
        """The budget in the API's answer."""
        unit = "jobs" if raw["period"] == "hour" else "usd"
        limit, used, left = (raw[f"{name}_{unit}"] for name in ("limit", "used", "left"))
        return cls(raw["scope"], raw["period"], limit, used, left, raw["renews_at"], raw)
