"""Parts of the contract that several resources share."""

from typing import Any

from core.generation import BEGINNING

TIME = {"type": ["string", "null"], "format": "date-time"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
TEXT = {"type": "string", "minLength": 1}
ID = {
    "type": "string",
    "minLength": 1,
    "description": "The whole id, or at least four of its first digits, if no other of yours begins with them.",
}
WHOLE_ID = {
    "type": "string",
    "minLength": 1,
    "not": {"pattern": BEGINNING},
    "description": "The whole id: its first digits are not enough.",
}
ID_IN_PATH = {"name": "id", "in": "path", "required": True, "schema": TEXT}
FAILURE = {
    "type": ["object", "null"],
    "required": ["name", "message", "remedy"],
    "properties": {
        "name": {"type": "string"},
        "message": {"type": "string", "description": "What happened."},
        "remedy": {"type": ["string", "null"], "description": "What to do about it. Promptreel's own."},
    },
}
FORM = {
    "type": "object",
    "description": "Send the fields and then the file, named `file`, as multipart/form-data to the URL.",
    "required": ["url", "fields", "max_bytes", "expires_in"],
    "properties": {
        "url": {"type": "string"},
        "fields": {"type": "object"},
        "max_bytes": {"type": "integer"},
        "expires_in": {"type": "integer", "description": "Seconds."},
    },
}
ERROR = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "message": {"type": "string"},
        "remedy": {"type": ["string", "null"], "description": "What to do about it. Promptreel's own."},
        "path": {"type": "string"},
        "requestId": {"type": "string"},
        "statusCode": {"type": "integer"},
        "timestamp": {"type": "string", "format": "date-time"},
    },
}
_MEANINGS = {
    "400": "The request is not allowed; the message names each field and what is.",
    "401": "The API key is missing or not valid.",
    "403": "A budget has no room for what this may cost: the message says which, and when it renews.",
    "404": "There is no such generation, or batch, of yours.",
    "409": "Not as it stands now, or the idempotency key stands for another request.",
    "405": "Another method is; the header Allow says which.",
    "413": "The file is too large for a request: ask for a form to upload it with, by `upload`.",
    "429": "More requests than are allowed.",
}


def answers(*errors: str, ok: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the responses of an operation: those `errors` by their status codes, and 200 with the schema `ok`."""
    found = {code: _answer(_MEANINGS[code], ref("Error")) for code in (*errors, "405", "429")}
    return {**({"200": _answer("OK", ok)} if ok else {}), **found}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def query(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    """Return a parameter of the query string."""
    return {"name": name, "in": "query", "required": required, "schema": schema}


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
