"""The API keys in the contract."""

from typing import Any

from core.api.api_keys import SCOPES
from core.api.contract.parts import TIME, answers, page, ref

_KEY: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "scope", "created_at", "expires_at", "used_at", "is_yours"],
    "properties": {
        "id": {"type": "string", "description": "Its first digits, after `pr_`: no secret."},
        "name": {"type": ["string", "null"], "description": "What it is for."},
        "scope": {"enum": list(SCOPES)},
        "created_at": {"type": "string", "format": "date-time"},
        "expires_at": {**TIME, "description": "When it ends, or has ended; null if it does not."},
        "used_at": {**TIME, "description": "Its last use, to the hour."},
        "is_yours": {"type": "boolean", "description": "Whether this call is made with it."},
    },
}
_LIST = {
    "operationId": "keys",
    "summary": "Your API keys, newest first: names, scopes, last uses and ends; the key in use alone, unless its "
    "scope is `all`",
    "responses": answers("401", ok=page(ref("Key"))),
}
PATHS = {"/v2/keys": {"get": _LIST}}
SCHEMAS = {"Key": _KEY}
