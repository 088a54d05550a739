"""Webhooks in the contract: a request's own, their deliveries, and the secret that signs them."""

from typing import Any

from core.api.contract.parts import ID_IN_PATH, TIME, answers, page, ref
from core.api.webhooks import DEFAULT_LIMIT, DELIVERY_ID, MAX_LIMIT
from core.generation import GENERATION_ID
from core.webhooks.asked import EVENTS, MAX_URL
from core.webhooks.records import CURSOR, State

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_URL = {
    "type": "string",
    "format": "uri",
    "maxLength": MAX_URL,
    "pattern": rf"^https://({_LABEL}\.)+[a-z]{{2,20}}(:[0-9]{{1,4}})?([/?][A-Za-z0-9._~/?&=+-]*)?$",
}
_SOME = f"({'|'.join(EVENTS)})"
_EVENTS_PATTERN = f"^{_SOME}(,{_SOME})*$"
WEBHOOK = {
    "type": ["object", "null"],
    "description": "Who is told of the end.",
    "required": ["url", "events"],
    "properties": {"url": {"type": "string"}, "events": {"type": "array", "items": {"enum": list(EVENTS)}}},
}
_DELIVERY = {
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
        "due_at": {**TIME, "description": "When it is tried next."},
        "ended_at": TIME,
        "answered": {"type": ["integer", "null"], "description": "The status of the latest answer."},
        "problem": {"type": ["string", "null"], "description": "Why the latest attempt failed."},
    },
}
_SECRET = {
    "type": "object",
    "required": ["secret", "version", "previous_until"],
    "properties": {
        "secret": {"type": "string", "pattern": "^whsec_[A-Za-z0-9+/]+=*$"},
        "version": {"type": "integer", "description": "How often it was changed."},
        "previous_until": {**TIME, "description": "Until then messages are signed with the one before, too."},
    },
}
PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "webhook",
        "in": "query",
        "schema": _URL,
        "description": "Who is told of the end, by a POST that is signed as Standard Webhooks says.",
    },
    {
        "name": "webhook_events",
        "in": "query",
        "schema": {"type": "string", "pattern": _EVENTS_PATTERN},
        "description": "Of which ends, with commas between; by default of all.",
    },
]
_PAGE: list[dict[str, Any]] = [
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    },
    {"name": "cursor", "in": "query", "schema": {"type": "string", "pattern": CURSOR}},
]
PATHS = {
    "/v2/webhooks/deliveries": {
        "get": {
            "operationId": "webhookDeliveries",
            "summary": "What your webhooks were told, newest first: what was taken, and what was not",
            "parameters": _PAGE,
            "responses": answers("400", "401", ok=page(ref("Delivery"))),
        }
    },
    "/v2/webhooks/deliveries/{id}/redeliver": {
        "post": {
            "operationId": "redeliverWebhook",
            "summary": "Send one again, now, whatever became of it",
            "parameters": [ID_IN_PATH],
            "responses": answers("401", "404", ok=ref("Delivery")),
        }
    },
    "/v2/webhooks/secret": {
        "get": {
            "operationId": "webhookSecret",
            "summary": "The secret that your webhooks are signed with",
            "responses": answers("401", ok=ref("WebhookSecret")),
        }
    },
    "/v2/webhooks/secret/rotate": {
        "post": {
            "operationId": "rotateWebhookSecret",
            "summary": "Another secret, from now on; for a day webhooks are signed with both",
            "responses": answers("401", "409", ok=ref("WebhookSecret")),
        }
    },
}
SCHEMAS = {"Delivery": _DELIVERY, "WebhookSecret": _SECRET}
