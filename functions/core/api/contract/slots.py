"""The slots in the contract."""

from typing import Any

from core.api.contract.parts import COUNT, answers, ref

_MEAN = {"type": "number", "minimum": 0}
_SLOTS: dict[str, Any] = {
    "type": "object",
    "required": ["limit", "held", "waiting", "hours"],
    "properties": {
        "limit": {**COUNT, "description": "Maximum number of generations at the provider at once."},
        "held": {**COUNT, "description": "Number of slots in use now, for all owners."},
        "waiting": {**COUNT, "description": "Number of generations that wait for a slot, for all owners."},
        "hours": {
            "type": "array",
            "description": "The last seven days, earliest hour first. The values are means of one sample per minute.",
            "items": {
                "type": "object",
                "required": ["hour", "held", "waiting"],
                "properties": {
                    "hour": {
                        "type": "string",
                        "pattern": r"^\d{4}-\d\d-\d\dT\d\d:00Z$",
                        "description": "Start of the hour.",
                    },
                    "held": _MEAN,
                    "waiting": _MEAN,
                },
            },
        },
    },
}
_FETCH = {
    "operationId": "slots",
    "summary": "Show how many slots the provider has, how many are in use, and how many generations wait for one",
    "responses": answers("401", ok=ref("Slots")),
}
PATHS = {"/v2/slots": {"get": _FETCH}}
SCHEMAS = {"Slots": _SLOTS}
