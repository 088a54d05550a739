"""What the API answers about money, as JSON Schema."""

from typing import Any

from core.money.estimates import HISTORY, PRICE, RESERVE

USD: dict[str, Any] = {"type": "number", "minimum": 0}
NO_USD = {"type": ["number", "null"], "minimum": 0}
BASIS = {
    "description": "What the estimate is by: the provider's `price`, the `history` of such requests here, or, where "
    "nothing is known, what is held in `reserve`.",
}
COST = {
    "type": "object",
    "description": "In US dollars, of the provider's price: AWS's own is on its bill.",
    "required": ["estimated_usd", "basis", "actual_usd"],
    "properties": {
        "estimated_usd": NO_USD,
        "basis": {"enum": [PRICE, HISTORY, RESERVE, None], **BASIS},
        "actual_usd": {**NO_USD, "description": "Null until it is known."},
    },
}
ESTIMATE = {
    "type": "object",
    "required": ["usd", "at_most_usd", "basis", "price_read_at", "refused"],
    "properties": {
        "usd": USD,
        "at_most_usd": {**USD, "description": "What budgets hold for it: nine in ten cost no more."},
        "basis": {"enum": [PRICE, HISTORY, RESERVE], **BASIS},
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
USAGE = {
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
BUDGET = {
    "type": "object",
    "required": ["scope", "period", "renews_at"],
    "properties": {
        "scope": {"type": "string", "description": "all, owner/NAME or key/ID."},
        "period": {"enum": ["day", "month", "hour"], "description": "UTC; an hour has jobs, the others dollars."},
        "limit_usd": USD,
        "used_usd": {"type": "number", "description": "Spent, or held for what runs."},
        "left_usd": USD,
        "limit_jobs": {"type": "integer"},
        "used_jobs": {"type": "integer"},
        "left_jobs": {"type": "integer"},
        "renews_at": {"type": "string"},
    },
}
