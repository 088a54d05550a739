"""Test that a price is applied if that can be done exactly, and not otherwise."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import ProviderUnavailable
from core.learned.records import Learned
from core.learned.times import FEW
from core.models import offered
from core.money.estimates import HISTORY, PRICE, RESERVE
from core.money.prices import Prices, price_of
from tests.support.generations import START, Clock, generation
from tests.support.money import RESERVE as HELD
from tests.support.money import USD, accounts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCHEMA = {
    "properties": {"duration": {"default": 5}, "resolution": {"default": "720p"}, "generate_audio": {"default": True}}
}


def fixed(name: str, price: object, per: object = 1, **more: object) -> dict[str, Any]:
    return {"kind": "fixed", "currency": "USD", "units": [{"name": name, "price": price, "per": per, **more}]}


VARIANTS: dict[str, Any] = {
    "kind": "variants",
    "dimensions": ["resolution"],
    "variants": [
        {"when": {"resolution": "720p"}, "price": 0.39, "unit": "second", "per": 1},
        {"when": {"resolution": "1080p"}, "price": 0.65, "unit": "second", "per": 1},
    ],
}


@pytest.mark.parametrize(
    ("request_", "pricing", "usd"),
    [
        ({"duration": 8}, fixed("second", 0.5), 4.0),
        ({"duration": "8"}, fixed("second", "0.5", measure="output"), 4.0),
        ({}, fixed("second", 0.5), 2.5),  # the model's default
        ({}, fixed("second", 50, per=100), 2.5),
        ({"duration": 8}, fixed("video", 1.25), 1.25),
        ({"resolution": "1080p"}, VARIANTS, 3.25),  # the reference's example
        ({"resolution": "1080P"}, VARIANTS, 3.25),
        ({}, VARIANTS, 1.95),
        ({"duration": 1}, fixed("second", 0.0000001), 0.0000005),  # rounded up to a credit
    ],
)
def test_an_exact_price_is_applied(request_: dict[str, Any], pricing: dict[str, Any], usd: float) -> None:
    assert price_of(request_, SCHEMA, pricing) == round(usd * USD)


@pytest.mark.parametrize(
    ("request_", "pricing"),
    [
        ({}, fixed("token", 0.5)),  # the number is not known before
        ({}, fixed("second", 0.5, measure="input")),  # depends on a given video
        ({}, fixed("second", 0.5, per=0)),
        ({}, fixed("second", "a lot")),
        ({}, fixed("second", -1)),
        ({}, fixed("second", 0)),  # otherwise any number of them would hold nothing
        ({}, fixed("second", "NaN")),
        ({}, fixed("second", 1e12)),
        ({"duration": "auto"}, fixed("second", 0.5)),
        ({"duration": "NaN"}, fixed("second", 0.5)),
        ({"duration": True}, fixed("second", 0.5)),
        ({"resolution": "4k"}, VARIANTS),  # no variant
        ({}, {**VARIANTS, "variants": VARIANTS["variants"] * 2}),  # several
        ({}, {**VARIANTS, "dimensions": ["mode"]}),  # the request does not contain it
        ({}, {"kind": "variable"}),
        ({}, {**fixed("second", 0.5), "currency": "EUR"}),
        ({}, {"kind": "fixed", "units": "none"}),
        ({}, {"kind": "fixed", "units": []}),
        ({}, {"kind": "variants", "variants": [{"when": "always"}]}),
        ({}, {}),
    ],
)
def test_an_inexact_price_is_not_applied(request_: dict[str, Any], pricing: dict[str, Any]) -> None:
    assert price_of(request_, SCHEMA, pricing) is None


class Provider:
    """A provider that returns a list of models or fails, and records the ETag of the request."""

    def __init__(self) -> None:
        self.models: list[dict[str, Any]] = [
            {"id": "veo2", "aliases": ["google/veo2"], "pricing": fixed("second", 0.5)}
        ]
        self.asked: list[str | None] = []
        self.fails = False

    def prices(self, etag: str | None) -> tuple[str | None, list[dict[str, Any]]] | None:
        self.asked.append(etag)
        if self.fails:
            raise ProviderUnavailable("down")
        return None if etag == f"e{len(self.models)}" else (f"e{len(self.models)}", self.models)


def test_prices_are_read_once_a_day_and_known_by_every_name(dynamodb: "DynamoDBClient") -> None:
    clock, provider = Clock(), Provider()
    prices = Prices(dynamodb, "money", clock)
    assert prices.of("veo2") is None
    prices.keep_fresh(provider)
    prices.keep_fresh(provider)
    assert provider.asked == [None]
    for name in ("veo2", "google/veo2"):
        price = prices.of(name)
        assert price is not None
        assert (price.pricing, price.read_at) == (fixed("second", 0.5), START)

    clock.forward(timedelta(days=1).total_seconds())
    prices.keep_fresh(provider)
    assert provider.asked == [None, "e1"]
    provider.models.append({"id": "new", "pricing": fixed("video", 1)})
    clock.forward(timedelta(days=1).total_seconds())
    prices.keep_fresh(provider)
    assert prices.of("new") is not None


def test_a_price_that_is_no_longer_listed_is_not_applied(dynamodb: "DynamoDBClient") -> None:
    clock, provider = Clock(), Provider()
    prices, estimates = Prices(dynamodb, "money", clock), accounts(dynamodb, clock).estimates
    provider.models.append({"id": "other", "pricing": fixed("second", 0.5)})
    prices.keep_fresh(provider)
    assert estimates.of({"model": "veo2"}, offered(), "ann").basis == PRICE
    provider.models = [{"id": "other", "pricing": fixed("second", 0.5)}]
    clock.forward(86400)
    prices.keep_fresh(provider)
    assert estimates.of({"model": "veo2"}, offered(), "ann").basis == RESERVE
    assert estimates.of({"model": "other", "duration": 5}, offered(), "ann").basis == PRICE
    provider.models = [{"id": None}, {"id": "other"}, {"id": "third"}]
    clock.forward(86400)
    prices.keep_fresh(provider)
    assert estimates.of({"model": "other", "duration": 5}, offered(), "ann").basis == PRICE, (
        "an empty list proves nothing"
    )


def test_an_unavailable_provider_is_asked_again_in_an_hour_and_old_prices_stay(
    dynamodb: "DynamoDBClient",
) -> None:
    clock, provider = Clock(), Provider()
    prices = Prices(dynamodb, "money", clock)
    prices.keep_fresh(provider)
    clock.forward(86400)
    provider.fails = True
    prices.keep_fresh(provider)
    prices.keep_fresh(provider)
    assert len(provider.asked) == 2
    assert prices.of("veo2") is not None
    clock.forward(3600)
    prices.keep_fresh(provider)
    assert len(provider.asked) == 3


def test_an_invalid_price_is_ignored(dynamodb: "DynamoDBClient") -> None:
    provider = Provider()
    provider.models = [
        {"id": None, "pricing": fixed("second", 1)},
        {"id": "x" * 300, "aliases": "no list", "pricing": fixed("second", 1)},
        {"id": "free"},
        {"id": "huge", "pricing": {"kind": "fixed", "units": ["x" * 40_000]}},
        {"id": "veo2", "aliases": [7, "v"], "pricing": fixed("second", 1)},
    ]
    prices = Prices(dynamodb, "money", Clock())
    prices.keep_fresh(provider)
    found = [name for name in ("free", "huge", "veo2", "v", "") if prices.of(name)]
    assert found == ["veo2", "v"]


def test_an_estimate_uses_the_price_or_history_or_a_reserve(dynamodb: "DynamoDBClient") -> None:
    request = {"model": "veo2", "prompt": "a boat"}
    money = accounts(dynamodb, Clock())
    unknown = money.estimates.of(request, offered(), "ann")
    assert (unknown.credits, unknown.most, unknown.basis) == (HELD, HELD, RESERVE)

    learned = Learned(dynamodb, "slots")
    for number in range(FEW - 1):
        learned.note(generation(f"g{number}", request=request), 40, USD)
    assert money.estimates.of(request, offered(), "ann").basis == RESERVE, "a few say nothing"
    for number in range(20):
        learned.note(generation(f"h{number}", request=request), None, USD if number < 17 else 3 * USD)
    seen = money.estimates.of(request, offered(), "ann")
    assert (seen.credits, seen.most, seen.basis) == (USD, 3 * USD, HISTORY)
    assert money.estimates.of(request, offered(), "bob").basis == HISTORY, "equal requests cost everybody the same"
    other = money.estimates.of({**request, "duration": 8}, offered(), "ann")
    assert other.basis == RESERVE, "another duration may cost more"

    Prices(dynamodb, "money", Clock()).keep_fresh(Provider())
    priced = money.estimates.of(request, offered(), "ann")
    assert (priced.credits, priced.most, priced.basis) == (5 * USD // 2, 5 * USD // 2, PRICE)
