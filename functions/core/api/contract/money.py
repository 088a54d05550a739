"""Estimates, usage and budgets in the contract."""

from typing import Any

from core.api.contract.parts import answers, page, query, ref
from core.money.estimates import HISTORY, PRICE, RESERVE

_USD: dict[str, Any] = {"type": "number", "minimum": 0}
_NO_USD = {"type": ["number", "null"], "minimum": 0}
_BASIS = {
    "description": "What the estimate is by: the provider's `price`, the `history` of such requests here, or, where "
    "nothing is known, what is held in `reserve`.",
}
COST = {
    "type": "object",
    "description": "In US dollars, of the provider's price: AWS's own is on its bill.",
    "required": ["estimated_usd", "basis", "actual_usd"],
    "properties": {
        "estimated_usd": _NO_USD,
        "basis": {"enum": [PRICE, HISTORY, RESERVE, None], **_BASIS},
        "actual_usd": {**_NO_USD, "description": "Null until it is known."},
    },
}
_ESTIMATE = {
    "type": "object",
    "required": ["usd", "at_most_usd", "basis", "price_read_at", "refused"],
    "properties": {
        "usd": _USD,
        "at_most_usd": {**_USD, "description": "What budgets hold for it: nine in ten cost no more."},
        "basis": {"enum": [PRICE, HISTORY, RESERVE], **_BASIS},
        "price_read_at": {"type": ["string", "null"], "format": "date-time"},
        "refused": {"type": ["string", "null"], "description": "Why a budget has no room for it now."},
    },
}
_SUMS: dict[str, Any] = {
    "completed": {"type": "integer"},
    "failed": {"type": "integer"},
    "usd": {"type": "number"},
    "errors": {
        "type": "object",
        "description": "How many of the failed ones, by the names of their errors.",
        "additionalProperties": {"type": "integer"},
    },
}
_USAGE = {
    "type": "object",
    "required": ["by", "from", "to", "data", "total"],
    "properties": {
        "by": {"enum": ["day", "model", "tag", "batch"]},
        "from": {"type": ["string", "null"], "format": "date"},
        "to": {"type": ["string", "null"], "format": "date"},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [*_SUMS],
                "properties": {
                    "day": {"type": "string", "format": "date", "description": "In which they ended, UTC."},
                    "model": {"type": "string"},
                    "tag": {"type": "string"},
                    "batch": {"type": "string"},
                    **_SUMS,
                },
            },
        },
        "total": {
            "type": ["object", "null"],
            "description": "Null by tag: a generation counts for each of its own.",
            "required": [*_SUMS],
            "properties": _SUMS,
        },
    },
}
_BUDGET = {
    "type": "object",
    "required": ["scope", "period", "renews_at"],
    "properties": {
        "scope": {"type": "string", "description": "all, owner/NAME or key/ID."},
        "period": {"enum": ["day", "month", "hour"], "description": "UTC; an hour has jobs, the others dollars."},
        "limit_usd": _USD,
        "used_usd": {"type": "number", "description": "Spent, or held for what runs."},
        "left_usd": _USD,
        "limit_jobs": {"type": "integer"},
        "used_jobs": {"type": "integer"},
        "left_jobs": {"type": "integer"},
        "renews_at": {"type": "string"},
    },
}
_DAY = {"type": "string", "format": "date"}
_ESTIMATE_OPERATION = {
    "operationId": "estimate",
    "summary": "What a request would cost, and whether a budget has room for it; nothing is kept",
    "requestBody": {"required": True, "content": {"application/json": {"schema": ref("Request")}}},
    "responses": answers("400", "401", ok=ref("Estimate")),
}
_USAGE_OPERATION = {
    "operationId": "usage",
    "summary": "What your generations cost that ended in these days (UTC), summed",
    "parameters": [
        query("by", {"enum": ["day", "model", "tag", "batch"], "default": "day"}),
        query("from", {**_DAY, "description": "30 days, if it is not given; of batches there are no days."}),
        query("to", {**_DAY, "description": "Today, if it is not given."}),
    ],
    "responses": answers("400", "401", ok=ref("Usage")),
}
_BUDGETS_OPERATION = {
    "operationId": "budgets",
    "summary": "The budgets that count what you ask for, a line for each limit, and what they have left",
    "responses": answers("401", ok=page(ref("Budget"))),
}
PATHS = {
    "/v2/estimates": {"post": _ESTIMATE_OPERATION},
    "/v2/usage": {"get": _USAGE_OPERATION},
    "/v2/budgets": {"get": _BUDGETS_OPERATION},
}
SCHEMAS = {"Estimate": _ESTIMATE, "Usage": _USAGE, "Budget": _BUDGET}
