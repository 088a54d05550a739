"""The provider's prices: read daily, kept with their date, and applied to a request where that can be done exactly.

Source: the provider's reference, "Get model list", "Reading prices" (`GET /v1/models?include=pricing`). A price is for
`per` units; which units there are it does not list. Those that can be counted before a video is made are counted here,
and where one cannot be, the price is not applied.
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

PRICE, READING = "price", "reading"  # pk of a model's price, by any of its names; pk and sk of when they were read
DAILY = timedelta(days=1)
AGAIN = timedelta(hours=1)  # after a reading that failed
MOST_CREDITS = 10**13  # five million dollars: what is more is no price of a video
NO_PRICE = "{}"  # of a model that had one, as the table has it
MOST_BYTES = 32 << 10  # of one model's price
_A_VIDEO = ("video", "generation", "request", "call", "item", "output")
_SECONDS = ("second", "seconds", "sec")


@dataclass(frozen=True)
class Price:
    """What the provider said that a model costs, and when it was read."""

    pricing: Mapping[str, Any]
    read_at: datetime


class PriceList(Protocol):
    """Who knows the prices: the provider."""

    def prices(self, etag: str | None) -> tuple[str | None, list[dict[str, Any]]] | None:
        """All models with their prices, and the list's ETag; None if that is still the one given."""


class Prices:
    """The prices as they were read last."""

    def __init__(self, dynamodb: "DynamoDBClient", table_name: str, now: Clock) -> None:
        self._dynamodb = dynamodb
        self._name = table_name
        self._now = now

    def of(self, model: str) -> Price | None:
        """The price of a model, by its id or an alias; None if none was read, or the table is out of reach."""
        try:
            answer = self._dynamodb.get_item(TableName=self._name, Key=write({PK: PRICE, SK: model[:200] or "-"}))
        except (BotoCoreError, ClientError) as error:
            logger.warning("the price of %s was not read: %s", model, error)
            return None
        if "Item" not in answer:
            return None
        item = read(answer["Item"])
        return Price(json.loads(item["pricing"]), datetime.fromisoformat(item["read_at"]))

    def keep_fresh(self, provider: PriceList) -> None:
        """Read them from the provider, if that was not done for a day; again in an hour if it fails.

        Two at once, or one that dies, do no harm: each price is written as a whole, and read again a day later.
        """
        now = self._now()
        answer = self._dynamodb.get_item(TableName=self._name, Key=write({PK: READING, SK: READING}))
        last = read(answer["Item"]) if "Item" in answer else {}
        if "due_at" in last and datetime.fromisoformat(last["due_at"]) > now:
            return
        try:
            found = provider.prices(last.get("etag"))
        except ProviderUnavailable as error:
            logger.warning("the provider's prices were not read: %s", error)
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
    """Each id and each alias with the price as JSON; what is none is left out."""
    for model in models:
        pricing = json.dumps(model.get("pricing"), sort_keys=True)
        if not isinstance(model.get("pricing"), dict) or len(pricing) > MOST_BYTES:
            continue
        aliases = model.get("aliases")
        for name in (model.get("id"), *(aliases if isinstance(aliases, list) else ())):
            if isinstance(name, str) and 0 < len(name) <= 200:  # noqa: PLR2004 - as `of` asks
                yield name, pricing


def price_of(request: Mapping[str, Any], schema: Mapping[str, Any] | None, pricing: Mapping[str, Any]) -> int | None:
    """What a request costs by the provider's price, in credits, rounded up; None where that cannot be told exactly.

    What the request does not say is as the model's schema has it by default.
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
        # What is said to cost nothing is believed only once it did: see core.money.estimates.
        if total is None or not 0 < total * CREDITS_PER_USD <= MOST_CREDITS:
            return None
        return int((total * CREDITS_PER_USD).to_integral_value(ROUND_CEILING))
    except (ArithmeticError, KeyError, TypeError, AttributeError):
        return None  # not as the reference has it


def _variant(variants: Any, dimensions: Any, asked: Mapping[str, Any]) -> list[Any] | None:
    """The one variant that the request is; None if it says too little to know, or several are."""
    if any(name not in asked for name in dimensions or ()):
        return None
    found = [one for one in variants or () if all(_same(asked.get(name), of) for name, of in one["when"].items())]
    return found if len(found) == 1 else None


def _same(asked: Any, when: Any) -> bool:
    return asked is not None and str(asked).lower() == str(when).lower()


def _total(units: Any, asked: Mapping[str, Any]) -> Decimal | None:
    """All units of a price together, in USD; None if there are none, or one that cannot be counted."""
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
