"""Estimates, usage and budgets in the contract."""

from typing import Any

from core.api.contract.parts import STRICT, UNCHECKED, answers, page, query, ref
from core.api.money import BY
from core.money.estimates import HISTORY, PRICE, RESERVE

_USD: dict[str, Any] = {"type": "number", "minimum": 0}
_NO_USD = {"type": ["number", "null"], "minimum": 0}
_BASIS = {
    "description": "Source of the estimate: the provider's `price`, the `history` of similar requests here, or the "
    "`reserve` for unknown costs.",
}
COST = {
    "type": "object",
    "description": "The provider's charge in US dollars, without the cost of AWS.",
    "required": ["estimated_usd", "basis", "actual_usd"],
    "properties": {
        "estimated_usd": _NO_USD,
        "basis": {"enum": [PRICE, HISTORY, RESERVE, None], **_BASIS},
        "actual_usd": {**_NO_USD, "description": "Null until the cost is known."},
    },
}
_ESTIMATE = {
    "type": "object",
    "required": ["usd", "at_most_usd", "basis", "price_read_at", "unchecked", "refused"],
    "properties": {
        "usd": _USD,
        "at_most_usd": {
            **_USD,
            "description": "The amount that budgets reserve. Nine in ten such requests cost no more. With `unchecked` "
            "fields it is at least the reserve for unknown costs.",
        },
        "basis": {"enum": [PRICE, HISTORY, RESERVE], **_BASIS},
        "price_read_at": {"type": ["string", "null"], "format": "date-time"},
        "unchecked": UNCHECKED,
        "refused": {"type": ["string", "null"], "description": "Why a budget would reject the request now."},
    },
}
_SUMS: dict[str, Any] = {
    "completed": {"type": "integer"},
    "failed": {"type": "integer"},
    "usd": {"type": "number"},
    "errors": {
        "type": "object",
        "description": "Number of failed generations by the name of their error.",
        "additionalProperties": {"type": "integer"},
    },
}
_USAGE = {
    "type": "object",
    "required": ["by", "from", "to", "data", "total"],
    "properties": {
        "by": {"enum": list(BY)},
        "from": {"type": ["string", "null"], "format": "date"},
        "to": {"type": ["string", "null"], "format": "date"},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [*_SUMS],
                "properties": {
                    "day": {"type": "string", "format": "date", "description": "The day on which they ended (UTC)."},
                    "model": {"type": "string"},
                    "tag": {"type": "string"},
                    "key": {
                        "type": ["string", "null"],
                        "description": "The `line` of an API key, which it shares with the keys that replaced it. "
                        "Null for generations of dropped files and events. A key whose scope is not `all` sees only "
                        "its own line.",
                    },
                    "batch": {"type": "string"},
                    **_SUMS,
                },
            },
        },
        "total": {
            "type": ["object", "null"],
            "description": "Null for tags, because a generation counts once for each of its tags.",
            "required": [*_SUMS],
            "properties": _SUMS,
        },
    },
}
_BUDGET = {
    "type": "object",
    "required": ["scope", "period", "renews_at"],
    "properties": {
        "scope": {"type": "string", "description": "`all`, `owner/NAME` or `key/ID`."},
        "period": {
            "enum": ["day", "month", "hour"],
            "description": "In UTC. The limit of an hour is in jobs, the others are in dollars.",
        },
        "limit_usd": _USD,
        "used_usd": {"type": "number", "description": "Spent, or reserved for unfinished generations."},
        "left_usd": _USD,
        "limit_jobs": {"type": "integer"},
        "used_jobs": {"type": "integer"},
        "left_jobs": {"type": "integer"},
        "renews_at": {"type": "string"},
    },
}
_DAY = {"type": "string", "format": "date"}
_ESTIMATE_OPERATION = {
    "parameters": [STRICT],
    "operationId": "estimate",
    "summary": "Estimate the cost of a request, and check it against the budgets, without starting it",
    "requestBody": {"required": True, "content": {"application/json": {"schema": ref("Request")}}},
    "responses": answers("400", "401", "413", ok=ref("Estimate")),
}
_USAGE_OPERATION = {
    "operationId": "usage",
    "summary": "Sum the cost of your generations that ended in a date range (UTC)",
    "parameters": [
        query("by", {"enum": list(BY), "default": BY[0]}),
        query("from", {**_DAY, "description": "By default the 30 days up to `to`. Not used for batches."}),
        query("to", {**_DAY, "description": "By default today."}),
    ],
    "responses": answers("400", "401", ok=ref("Usage")),
}
_BUDGETS_OPERATION = {
    "operationId": "budgets",
    "summary": "List the limits of the budgets that count your requests, and what they have left",
    "responses": answers("401", ok=page(ref("Budget"))),
}
PATHS = {
    "/v2/estimates": {"post": _ESTIMATE_OPERATION},
    "/v2/usage": {"get": _USAGE_OPERATION},
    "/v2/budgets": {"get": _BUDGETS_OPERATION},
}
SCHEMAS = {"Estimate": _ESTIMATE, "Usage": _USAGE, "Budget": _BUDGET}
