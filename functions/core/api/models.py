"""Answer `GET /v2/models` with a page of models, or with one model and its schema."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import InvalidRequest, NotFound
from core.learned.times import Times
from core.models import KINDS, Model, Models
from core.models.validation import parse_json, with_numbers
from core.money import usd
from core.money.prices import price_of

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
MAX_SETTINGS = 20
CURSOR = r"^[!-~]{1,200}$"  # the name of the page's last model, so that new models do not move a page


@dataclass(frozen=True)
class Figures:
    """Figures that change although the catalogue stays the same, by the names of models."""

    times: Mapping[str, Times]  # the recent durations of each model's generations
    prices: Mapping[str, Mapping[str, Any]]  # the provider's


def answer(models: Models, figures: Figures, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the response body for this query.

    Raise `NotFound` for an unknown model, and `InvalidRequest` for any other invalid parameter.
    """
    settings = _settings(query.get("settings", "{}"))
    if "id" in query:
        model = models.get(query["id"])
        if model is None:
            raise NotFound(f"There is no model {query['id'][:64]}: GET /v2/models lists the available models.")
        return {
            **_shown(model, figures, settings),
            "inputs": [asdict(one) for one in model.inputs],
            "schema": model.schema,
        }
    vendor, kind = query.get("vendor"), query.get("kind")
    limit, cursor = query.get("limit", str(DEFAULT_LIMIT)), query.get("cursor")
    if vendor is not None and vendor not in models.vendors:
        raise InvalidRequest(f"`vendor` must be one of {', '.join(models.vendors)}.", "vendor")
    if kind is not None and kind not in KINDS:
        raise InvalidRequest(f"`kind` must be one of {', '.join(KINDS)}.", "kind")
    if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= MAX_LIMIT:
        raise InvalidRequest(f"`limit` must be a number from 1 to {MAX_LIMIT}.", "limit")
    if cursor is not None and not re.fullmatch(CURSOR, cursor):
        raise InvalidRequest("`cursor` must be the `next_cursor` of an earlier page.", "cursor")
    found = [
        model
        for model in sorted(models, key=lambda model: model.name)
        if vendor in (None, model.vendor) and kind in (None, model.kind) and model.name > (cursor or "")
    ]
    page = found[: int(limit)]
    return {
        "data": [_shown(model, figures, settings) for model in page],
        "next_cursor": page[-1].name if len(page) < len(found) else None,
    }


def _settings(text: str) -> dict[str, Any]:
    """Return the settings to price the models for."""
    try:
        found = parse_json(text)
    except ValueError:
        found = None
    if (
        isinstance(found, dict)
        and len(found) <= MAX_SETTINGS
        and all(isinstance(one, str | int | float) for one in found.values())
    ):
        return found
    raise InvalidRequest(
        f"`settings` must be a JSON object with at most {MAX_SETTINGS} texts, numbers and booleans.", "settings"
    )


def _shown(model: Model, figures: Figures, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": model.name,
        "title": model.title,
        "vendor": model.vendor,
        "kind": model.kind,
        "media": model.media,
        "takes": figures.times.get(model.name, Times()).shown(),
        "seconds": model.seconds,
        "default_usd": _usd(model, figures, settings),
    }


def _usd(model: Model, figures: Figures, settings: Mapping[str, Any]) -> float | None:
    """Return the provider's price with the model's defaults and the settings, or None if it has none that is exact."""
    pricing = figures.prices.get(model.name)
    if not pricing:
        return None
    credits_ = price_of({**_allowed(settings, model.schema), "model": model.name}, model.schema, pricing)
    return None if credits_ is None else usd(credits_)


def _allowed(settings: Mapping[str, Any], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the settings that a model has and allows. The others have no effect on its price."""
    if not settings or not schema:
        return {}
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - as in core.models.validation

    properties = schema["properties"]
    return {
        name: value
        for name, value in with_numbers(dict(settings), schema).items()
        if name in properties and Draft202012Validator(properties[name]).is_valid(value)
    }
