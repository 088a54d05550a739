"""Parts of the contract that several resources share."""

from typing import Any

from core.generation import BEGINNING

TIME = {"type": ["string", "null"], "format": "date-time"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
TEXT = {"type": "string", "minLength": 1}
ID = {
    "type": "string",
    "minLength": 1,
    "description": "The id, or its first digits if they are unique among yours.",
}
WHOLE_ID = {
    "type": "string",
    "minLength": 1,
    "not": {"pattern": BEGINNING},
    "description": "The whole id. Its first digits are not enough.",
}
ID_IN_PATH = {"name": "id", "in": "path", "required": True, "schema": TEXT}
_REMEDY = {
    "type": ["string", "null"],
    "description": "How to fix it. This field is not in the provider's contract.",
}
FAILURE = {
    "type": ["object", "null"],
    "required": ["name", "message", "remedy"],
    "properties": {
        "name": {"type": "string"},
        "message": {"type": "string", "description": "The reason."},
        "remedy": _REMEDY,
    },
}
FORM = {
    "type": "object",
    "description": "Send the fields, and then the file as the field `file`, to the URL as multipart/form-data.",
    "required": ["url", "fields", "max_bytes", "expires_in"],
    "properties": {
        "url": {"type": "string"},
        "fields": {"type": "object"},
        "max_bytes": {"type": "integer"},
        "expires_in": {"type": "integer", "description": "In seconds."},
    },
}
ERROR = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "message": {"type": "string"},
        "problems": {
            "type": "array",
            "description": "Of a status 400: each problem of the request, in parts. Not in the provider's contract.",
            "items": {
                "type": "object",
                "required": ["fields", "message", "rule", "allowed"],
                "properties": {
                    "fields": {"type": "array", "items": TEXT, "description": "Paths such as `elements.0.video_url`."},
                    "message": TEXT,
                    "rule": {"type": "string", "description": "The keyword of the model's JSON Schema, or empty."},
                    "allowed": {"description": "The value of the keyword, such as the list of allowed values."},
                },
            },
        },
        "remedy": _REMEDY,
        "path": {"type": "string"},
        "requestId": {"type": "string"},
        "statusCode": {"type": "integer"},
        "timestamp": {"type": "string", "format": "date-time"},
    },
}
_MEANINGS = {
    "400": "The request is not valid. The message names each wrong field and the allowed values.",
    "401": "The API key is missing or not valid.",
    "403": "The request may cost more than a budget has left, or too many rows were rejected. The message says when to "
    "try again.",
    "404": "You have no generation or batch with this id.",
    "409": "The current status does not allow this, the idempotency key belongs to another request, or a file drops or "
    "repeats most rows of a batch.",
    "410": "The video has expired and was deleted.",
    "405": "This method is not allowed. The header Allow lists the methods that are.",
    "413": "The body is too large. The remedy says how to upload a large file instead.",
    "429": "Too many requests.",
    "503": "Too many requests change the same records or budgets at once. Nothing was changed. Send the request again "
    "with the same idempotency key, after the seconds in the header Retry-After.",
}


def answers(*errors: str, ok: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the responses of an operation: those `errors` by their status codes, and 200 with the schema `ok`."""
    found = {code: _answer(_MEANINGS[code], ref("Error")) for code in (*errors, "405", "429", "503")}
    found["503"]["headers"] = {"Retry-After": {"required": True, "schema": COUNT}}
    return {**({"200": _answer("OK", ok)} if ok else {}), **found}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def query(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    """Return a parameter of the query string."""
    return {"name": name, "in": "query", "required": required, "schema": schema}


STRICT = {
    **query("strict", {"enum": ["true", "false"], "default": "false"}),
    "description": "Whether to reject fields that are not in the model's schema, and models that are not offered. "
    "Otherwise such fields are passed to the provider unchecked.",
}
UNCHECKED = {
    "type": "array",
    "items": TEXT,
    "description": "The fields of the request that are not in the model's schema, by their paths. The provider gets "
    "them unchanged. At least the reserve for unknown costs is held for such a request. `model` is one of them if the "
    "deployment does not offer the model.",
}


def page(item: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a page of a list."""
    return {
        "type": "object",
        "required": ["data"],
        "properties": {"data": {"type": "array", "items": item}, "next_cursor": {"type": ["string", "null"]}},
    }


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema in the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}
