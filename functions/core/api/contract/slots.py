"""The slots in the contract."""

from typing import Any

from core.api.contract.parts import COUNT, answers, ref

_MEAN = {"type": "number", "minimum": 0}
_SLOTS: dict[str, Any] = {
    "type": "object",
    "required": ["limit", "held", "waiting", "hours"],
    "properties": {
        "limit": {**COUNT, "description": "How many generations the provider is sent at once."},
        "held": {**COUNT, "description": "How many it works on now, of all owners."},
        "waiting": {**COUNT, "description": "How many wait for a slot, of all owners."},
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
_FETCH = {
    "operationId": "slots",
    "summary": "How many slots there are at the provider, are taken and are waited for, now and in the last days",
    "responses": answers("401", ok=ref("Slots")),
}
PATHS = {"/v2/slots": {"get": _FETCH}}
SCHEMAS = {"Slots": _SLOTS}
