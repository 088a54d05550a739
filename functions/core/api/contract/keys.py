"""The API keys in the contract."""

from typing import Any

from core.api.api_keys import SCOPES
from core.api.contract.parts import TIME, answers, page, ref

_KEY: dict[str, Any] = {
    "type": "object",
    "required": [
        "id",
        "line",
        "name",
        "scope",
        "short_links",
        "created_at",
        "expires_at",
        "repeat_window",
        "used_at",
        "is_yours",
    ],
    "properties": {
        "id": {"type": "string", "description": "The digits after `pr_` at the start of the key. They are not secret."},
        "line": {
            "type": "string",
            "description": "The id of the first key that this one replaces, directly or indirectly, or its own id. "
            "Usage and budgets use this id.",
        },
        "name": {"type": ["string", "null"], "description": "A name that says what the key is for."},
        "scope": {"enum": list(SCOPES)},
        "short_links": {"type": "boolean", "description": "Whether `video.url` is a short link for this key."},
        "created_at": {"type": "string", "format": "date-time"},
        "expires_at": {**TIME, "description": "When the key expires or expired. Null if it does not expire."},
        "repeat_window": {
            "type": ["integer", "null"],
            "description": "Seconds within which equal requests without an idempotency key are one job. Null if equal "
            "requests are separate jobs.",
        },
        "used_at": {**TIME, "description": "The last use, to the hour."},
        "is_yours": {"type": "boolean", "description": "Whether this call uses the key."},
    },
}
_LIST = {
    "operationId": "keys",
    "summary": "List your API keys, newest first. A key whose scope is not `all` sees only itself",
    "responses": answers("401", ok=page(ref("Key"))),
}
PATHS = {"/v2/keys": {"get": _LIST}}
SCHEMAS = {"Key": _KEY}
