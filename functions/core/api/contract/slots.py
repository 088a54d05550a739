"""The part of the contract that is about the deployment: its slots at the provider, and the keys of its API."""

from typing import Any

from core.api.api_keys import SCOPES

_TIME = {"type": ["string", "null"], "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}
_MEAN = {"type": "number", "minimum": 0}
SLOTS: dict[str, Any] = {
    "type": "object",
    "required": ["limit", "held", "waiting", "hours"],
    "properties": {
        "limit": {**_COUNT, "description": "How many generations the provider is sent at once."},
        "held": {**_COUNT, "description": "How many it works on now, of all owners."},
        "waiting": {**_COUNT, "description": "How many wait for a slot, of all owners."},
        "hours": {
            "type": "array",
            "description": "The last seven days, the earliest hour first: means of a sample a minute.",
            "items": {
                "type": "object",
                "required": ["hour", "held", "waiting"],
                "properties": {
                    "hour": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:00Z$", "description": "Its begin."},
                    "held": _MEAN,
                    "waiting": _MEAN,
                },
            },
        },
    },
}
KEY: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "scope", "created_at", "expires_at", "used_at", "is_yours"],
    "properties": {
        "id": {"type": "string", "description": "Its first digits, after `pr_`: no secret."},
        "name": {"type": ["string", "null"], "description": "What it is for."},
        "scope": {"enum": list(SCOPES)},
        "created_at": {"type": "string", "format": "date-time"},
        "expires_at": {**_TIME, "description": "When it ends, or has ended; null if it does not."},
        "used_at": {**_TIME, "description": "Its last use, to the hour."},
        "is_yours": {"type": "boolean", "description": "Whether this call is made with it."},
    },
}
