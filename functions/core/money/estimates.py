"""What a request will cost, before it is accepted: by the provider's price, else by what such jobs have cost here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.generation import iso
from core.learned.records import Learned
from core.money import usd
from core.money.prices import Prices, price_of

if TYPE_CHECKING:
    from core.models import Models

PRICE, HISTORY, RESERVE = "price", "history", "reserve"  # of what is told


@dataclass(frozen=True)
class Estimate:
    """In credits: what it will cost, and `most` of what such requests cost, which budgets hold."""

    credits: int
    most: int
    basis: str  # PRICE, HISTORY, or RESERVE, where nothing is known
    read_at: str = ""  # when the price was read, ISO 8601

    def as_dict(self) -> dict[str, Any]:
        """As it is shown."""
        shown = {"usd": usd(self.credits), "at_most_usd": usd(self.most), "basis": self.basis}
        return {**shown, "price_read_at": self.read_at or None}


@dataclass(frozen=True)
class Estimates:
    """What estimates. `reserve` credits are held for a request of which nothing is known."""

    prices: Prices
    learned: Learned
    reserve: int

    def of(self, request: Mapping[str, Any], models: "Models") -> Estimate:
        """What a request that its model allows will cost."""
        name = str(request.get("model", ""))
        price = self.prices.of(name)
        model = models.get(name)
        exact = price_of(request, model.schema if model else None, price.pricing) if price else None
        if price and exact is not None:
            return Estimate(exact, exact, PRICE, iso(price.read_at))
        found = self.learned.costs_of(request)
        if found:
            return Estimate(found[len(found) // 2], found[min(len(found) - 1, len(found) * 9 // 10)], HISTORY)
        return Estimate(self.reserve, self.reserve, RESERVE)
