"""Estimate the cost of a request by the provider's price, or else by the cost of equal requests here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.generation import iso
from core.learned.records import Learned
from core.money import usd
from core.money.prices import Prices, price_of

if TYPE_CHECKING:
    from core.models import Model, Models

PRICE, HISTORY, RESERVE = "price", "history", "reserve"  # the bases of an estimate, as the API shows them


@dataclass(frozen=True)
class Estimate:
    """The expected cost in credits, and the `most` that budgets hold for the request."""

    credits: int
    most: int
    basis: str  # PRICE, HISTORY, or RESERVE if nothing is known
    read_at: str = ""  # when the price was read, ISO 8601
    unchecked: tuple[str, ...] = ()  # fields that may change the cost in unknown ways: core.models.unchecked

    def as_dict(self) -> dict[str, Any]:
        """Return the estimate in the form of the API."""
        shown = {"usd": usd(self.credits), "at_most_usd": usd(self.most), "basis": self.basis}
        return {**shown, "price_read_at": self.read_at or None, "unchecked": list(self.unchecked)}


@dataclass(frozen=True)
class Estimates:
    """Estimates costs. `reserve` credits are held for a request if nothing is known about its cost."""

    prices: Prices
    learned: Learned
    reserve: int

    def of(self, request: Mapping[str, Any], models: "Models", owner: str) -> Estimate:
        """Return the estimate of an owner's valid request. With unchecked fields, at least the reserve is held."""
        model = models.requested(request.get("model"))
        found = self._of(request, model, owner)
        if model and (names := model.unchecked(request)):
            return replace(found, most=max(found.most, self.reserve), unchecked=names)
        return found

    def _of(self, request: Mapping[str, Any], model: "Model | None", owner: str) -> Estimate:
        price = self.prices.of(str(request.get("model", "")))
        exact = price_of(request, model.schema if model else None, price.pricing) if price else None
        if price and exact is not None:
            return Estimate(exact, exact, PRICE, iso(price.read_at))
        found = self.learned.costs_of(request, owner)
        if found:
            return Estimate(found[len(found) // 2], found[min(len(found) - 1, len(found) * 9 // 10)], HISTORY)
        return Estimate(self.reserve, self.reserve, RESERVE)
