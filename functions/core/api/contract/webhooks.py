"""The part of the contract that is about webhooks."""

from typing import Any

from core.api.webhooks import DEFAULT_LIMIT, DELIVERY_ID, MAX_LIMIT
from core.generation import GENERATION_ID
from core.webhooks.asked import EVENTS, MAX_URL
from core.webhooks.records import CURSOR, State

_TIME = {"type": ["string", "null"], "format": "date-time"}
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
URL = {
    "type": "string",
    "format": "uri",
    "maxLength": MAX_URL,
    "pattern": rf"^https://({_LABEL}\.)+[a-z]{{2,20}}(:[0-9]{{1,4}})?([/?][A-Za-z0-9._~/?&=+-]*)?$",
}
_SOME = f"({'|'.join(EVENTS)})"
EVENTS_PATTERN = f"^{_SOME}(,{_SOME})*$"
WEBHOOK = {
    "type": ["object", "null"],
    "description": "Who is told of the end.",
    "required": ["url", "events"],
    "properties": {"url": {"type": "string"}, "events": {"type": "array", "items": {"enum": list(EVENTS)}}},
}
DELIVERY = {
    "type": "object",
    "required": ["id", "generation_id", "type", "url", "status", "attempts", "created_at", "due_at", "ended_at"],
    "properties": {
        "id": {"type": "string", "pattern": DELIVERY_ID, "description": "The header webhook-id: of all its attempts."},
        "generation_id": {"type": "string", "pattern": GENERATION_ID},
        "type": {"enum": [f"generation.{event}" for event in EVENTS]},
        "url": {"type": "string"},
        "status": {"enum": [str(state) for state in State]},
        "attempts": {"type": "integer"},
        "created_at": {"type": "string", "format": "date-time"},
        "due_at": {**_TIME, "description": "When it is tried next."},
        "ended_at": _TIME,
        "answered": {"type": ["integer", "null"], "description": "The status of the latest answer."},
        "problem": {"type": ["string", "null"], "description": "Why the latest attempt failed."},
    },
}
SECRET = {
    "type": "object",
    "required": ["secret", "version", "previous_until"],
    "properties": {
        "secret": {"type": "string", "pattern": "^whsec_[A-Za-z0-9+/]+=*$"},
        "version": {"type": "integer", "description": "How often it was changed."},
        "previous_until": {**_TIME, "description": "Until then messages are signed with the one before, too."},
    },
}
PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "webhook",
        "in": "query",
        "schema": URL,
        "description": "Who is told of the end, by a POST that is signed as Standard Webhooks says.",
    },
    {
        "name": "webhook_events",
        "in": "query",
        "schema": {"type": "string", "pattern": EVENTS_PATTERN},
        "description": "Of which ends, with commas between; by default of all.",
    },
]
PAGE: list[dict[str, Any]] = [
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    },
    {"name": "cursor", "in": "query", "schema": {"type": "string", "pattern": CURSOR}},
]
