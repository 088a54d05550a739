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
    "description": "The URL that is notified when the generation ends.",
    "required": ["url", "events"],
    "properties": {"url": {"type": "string"}, "events": {"type": "array", "items": {"enum": list(EVENTS)}}},
}
_DELIVERY = {
    "type": "object",
    "required": ["id", "generation_id", "type", "url", "status", "attempts", "created_at", "due_at", "ended_at"],
    "properties": {
        "id": {"type": "string", "pattern": DELIVERY_ID, "description": "The header webhook-id of every attempt."},
        "generation_id": {"type": "string", "pattern": GENERATION_ID},
        "type": {"enum": [f"generation.{event}" for event in EVENTS]},
        "url": {"type": "string"},
        "status": {"enum": [str(state) for state in State]},
        "attempts": {"type": "integer"},
        "created_at": {"type": "string", "format": "date-time"},
        "due_at": {**TIME, "description": "When the next attempt is due."},
        "ended_at": TIME,
        "answered": {"type": ["integer", "null"], "description": "HTTP status of the latest response."},
        "problem": {"type": ["string", "null"], "description": "Why the latest attempt failed."},
    },
}
_SECRET = {
    "type": "object",
    "required": ["secret", "version", "previous_until"],
    "properties": {
        "secret": {"type": "string", "pattern": "^whsec_[A-Za-z0-9+/]+=*$"},
        "version": {"type": "integer", "description": "Number of times that the secret was replaced."},
        "previous_until": {**TIME, "description": "Messages are also signed with the previous secret until this time."},
    },
}
PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "webhook",
        "in": "query",
        "schema": _URL,
        "description": "URL to notify when the generation ends, with a POST signed according to Standard Webhooks.",
    },
    {
        "name": "webhook_events",
        "in": "query",
        "schema": {"type": "string", "pattern": _EVENTS_PATTERN},
        "description": "Outcomes to notify of, separated by commas. By default all.",
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
            "summary": "List the deliveries to your webhooks, newest first",
            "parameters": _PAGE,
            "responses": answers("400", "401", ok=page(ref("Delivery"))),
        }
    },
    "/v2/webhooks/deliveries/{id}/redeliver": {
        "post": {
            "operationId": "redeliverWebhook",
            "summary": "Send a delivery again now, whatever its status",
            "parameters": [ID_IN_PATH],
            "responses": answers("401", "404", ok=ref("Delivery")),
        }
    },
    "/v2/webhooks/secret": {
        "get": {
            "operationId": "webhookSecret",
            "summary": "Fetch the secret that signs your webhooks",
            "responses": answers("401", ok=ref("WebhookSecret")),
        }
    },
    "/v2/webhooks/secret/rotate": {
        "post": {
            "operationId": "rotateWebhookSecret",
            "summary": "Replace the secret. For a day webhooks are signed with both",
            "responses": answers("401", "409", ok=ref("WebhookSecret")),
        }
    },
}
SCHEMAS = {"Delivery": _DELIVERY, "WebhookSecret": _SECRET}
