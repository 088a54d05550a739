"""Read the provider's prices daily, and apply a price to a request if that is possible exactly.

Source: the provider's reference, "Get model list", "Reading prices" (`GET /v1/models?include=pricing`). A price is for
`per` units. The reference does not list the units. Only those that can be counted before the video exists are counted
here. A price with any other unit is not applied.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import ProviderUnavailable
from core.generation import Clock, iso
from core.money import CREDITS_PER_USD
from core.money.table import PK, SK, items_of
from core.records.table import read, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger("promptreel")

PRICE, READING = "price", "reading"  # pk of a model's price under each of its names; pk and sk of the last reading
DAILY = timedelta(days=1)
AGAIN = timedelta(hours=1)  # after a reading that failed
MOST_CREDITS = 10**13  # five million dollars: a higher price cannot be right
NO_PRICE = "{}"  # of a model that no longer has a price, in the table
MOST_BYTES = 32 << 10  # most bytes of one model's price
_A_VIDEO = ("video", "generation", "request", "call", "item", "output")
_SECONDS = ("second", "seconds", "sec")


@dataclass(frozen=True)
class Price:
    """The provider's price of a model, and when it was read."""

    pricing: Mapping[str, Any]
    read_at: datetime


class PriceList(Protocol):
    """The source of prices, which is the provider."""

    def prices(self, etag: str | None) -> tuple[str | None, list[dict[str, Any]]] | None:
        """Return the list's ETag and all models with their prices, or None if the ETag is unchanged."""


class Prices:
    """The latest prices."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock) -> None:
        self._dynamodb = dynamodb
        self._name = table_name
        self._now = now

    def of(self, model: str) -> Price | None:
        """Return the price of a model by its id or an alias, or None without one or if the table fails."""
        try:
            answer = self._dynamodb.get_item(TableName=self._name, Key=write({PK: PRICE, SK: model[:200] or "-"}))
        except (BotoCoreError, ClientError) as error:
            logger.warning("price not read", extra={"model": model, "reason": str(error)})
            return None
        if "Item" not in answer:
            return None
        item = read(answer["Item"])
        return Price(json.loads(item["pricing"]), datetime.fromisoformat(item["read_at"]))

    def all(self) -> dict[str, Mapping[str, Any]]:
        """Return the current prices by each name of their models, or none if the table fails."""
        try:
            found = {item[SK]: json.loads(item["pricing"]) for item in items_of(self._dynamodb, self._name, PRICE)}
        except (BotoCoreError, ClientError) as error:
            logger.warning("prices not read", extra={"reason": str(error)})
            return {}
        return {name: pricing for name, pricing in found.items() if pricing}

    def keep_fresh(self, provider: PriceList) -> None:
        """Read the prices from the provider once a day, and again in an hour after a failure.

        Concurrent and crashed readers are harmless: each price is written as a whole, and read again a day later.
        """
        now = self._now()
        answer = self._dynamodb.get_item(TableName=self._name, Key=write({PK: READING, SK: READING}))
        last = read(answer["Item"]) if "Item" in answer else {}
        if "due_at" in last and datetime.fromisoformat(last["due_at"]) > now:
            return
        try:
            found = provider.prices(last.get("etag"))
        except ProviderUnavailable as error:
            logger.warning("prices not read", extra={"reason": str(error)})
            self._read(now + AGAIN, last.get("etag"))
            return
        if found is None:
            self._read(now + DAILY, last.get("etag"))
            return
        etag, models = found
        known = {item[SK]: item["pricing"] for item in items_of(self._dynamodb, self._name, PRICE)}
        new = dict(_by_name(models))
        gone = dict.fromkeys(known.keys() - new.keys(), NO_PRICE) if new else {}
        for name, pricing in (new | gone).items():
            if pricing != known.get(name):
                item = {PK: PRICE, SK: name, "pricing": pricing, "read_at": iso(now)}
                self._dynamodb.put_item(TableName=self._name, Item=write(item))
        self._read(now + DAILY, etag)

    def _read(self, due_at: datetime, etag: str | None) -> None:
        item = {PK: READING, SK: READING, "due_at": iso(due_at), "etag": etag}
        self._dynamodb.put_item(TableName=self._name, Item=write(item))


def _by_name(models: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield each id and each alias with its price as JSON. Models without a valid price are left out."""
    for model in models:
        pricing = json.dumps(model.get("pricing"), sort_keys=True)
        if not isinstance(model.get("pricing"), dict) or len(pricing) > MOST_BYTES:
            continue
        aliases = model.get("aliases")
        for name in (model.get("id"), *(aliases if isinstance(aliases, list) else ())):
            if isinstance(name, str) and 0 < len(name) <= 200:  # noqa: PLR2004 - as `of` asks
                yield name, pricing


def price_of(request: Mapping[str, Any], schema: Mapping[str, Any] | None, pricing: Mapping[str, Any]) -> int | None:
    """Return the cost of a request by the provider's price, in credits, rounded up, or None if it is not exact.

    Missing parameters have the default of the model's schema.
    """
    defaults = {name: of["default"] for name, of in ((schema or {}).get("properties") or {}).items() if "default" in of}
    asked = {**defaults, **request}
    try:
        match pricing.get("kind"), pricing.get("currency", "USD"):
            case "fixed", "USD":
                total = _total(pricing.get("units"), asked)
            case "variants", "USD":
                total = _total(_variant(pricing.get("variants"), pricing.get("dimensions"), asked), asked)
            case _:
                return None
        # A price of zero is not applied: only the cost of earlier requests can show that a model is free.
        if total is None or not 0 < total * CREDITS_PER_USD <= MOST_CREDITS:
            return None
        return int((total * CREDITS_PER_USD).to_integral_value(ROUND_CEILING))
    except (ArithmeticError, KeyError, TypeError, AttributeError):
        return None  # not in the form of the reference


def _variant(variants: Any, dimensions: Any, asked: Mapping[str, Any]) -> list[Any] | None:
    """Return the one variant that matches the request, or None if the request is incomplete or several match."""
    if any(name not in asked for name in dimensions or ()):
        return None
    found = [one for one in variants or () if all(_same(asked.get(name), of) for name, of in one["when"].items())]
    return found if len(found) == 1 else None


def _same(asked: Any, when: Any) -> bool:
    return asked is not None and str(asked).lower() == str(when).lower()


def _total(units: Any, asked: Mapping[str, Any]) -> Decimal | None:
    """Return the sum of all units of a price in USD, or None without units or if one cannot be counted."""
    total: Decimal | None = None
    for unit in units or ():
        count = _count(str(unit.get("name", unit.get("unit"))).lower(), asked)
        if count is None or unit.get("measure") not in (None, "output", "video"):
            return None
        per = Decimal(str(unit.get("per", 1)))
        if not per > 0:
            return None
        total = (total or Decimal(0)) + Decimal(str(unit["price"])) * count / per
    return total


def _count(unit: str, asked: Mapping[str, Any]) -> Decimal | None:
    if unit in _A_VIDEO:
        return Decimal(1)
    if unit in _SECONDS and "duration" in asked and not isinstance(asked["duration"], bool):
        seconds = Decimal(str(asked["duration"]).lower().removesuffix("s"))
        return seconds if seconds.is_finite() and seconds > 0 else None
    return None
