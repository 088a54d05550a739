"""Short links in the contract."""

from typing import Any

from core.api import LINK_PATH, PATH
from core.api.contract.parts import COUNT, ID, TEXT, TIME, answers, ref
from core.api.links import DEFAULT, LONGEST, SHORTEST
from core.intake.accept import MAX_IDEMPOTENCY_KEY
from core.links.record import MAX_LINKS

_NUMBER = {"type": "integer", "minimum": 0}
_LINK: dict[str, Any] = {
    "type": "object",
    "required": ["number", "url", "page_url", "automatic", "created_at", "expires_at", "shows_prompt", "opens_today"],
    "properties": {
        "number": {**_NUMBER, "description": "Names the link within its generation."},
        "url": {"type": "string", "description": "Redirects to the video. The name at its end can be any name."},
        "page_url": {"type": "string", "description": "A page that plays the video."},
        "automatic": {"type": "boolean", "description": "Whether it is `video.url` for keys with short links."},
        "created_at": {"type": "string", "format": "date-time"},
        "expires_at": {**TIME, "description": "Null if the link does not expire."},
        "shows_prompt": {"type": "boolean", "description": "Whether its page shows the prompt."},
        "opens_today": {**COUNT, "description": "Opens on this day (UTC). Those within a minute count as one."},
    },
}
_REVOKED = {
    "type": "object",
    "required": ["number", "revoked"],
    "properties": {"number": _NUMBER, "revoked": {"const": True}},
}
_ORDER = {
    "type": "object",
    "properties": {
        "expires_in": {
            "type": ["integer", "null"],
            "minimum": int(SHORTEST.total_seconds()),
            "maximum": int(LONGEST.total_seconds()),
            "default": int(DEFAULT.total_seconds()),
            "description": "Lifetime in seconds. Null for a link that does not expire.",
        },
        "show_prompt": {
            "type": "boolean",
            "default": False,
            "description": "Whether the page shows the prompt to everyone with the link.",
        },
    },
    "additionalProperties": False,
}
_ID = {"name": "id", "in": "path", "required": True, "schema": ID}
_KEY = {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY, "pattern": "^[!-~]+$"}
_CREATE = {
    "operationId": "createLink",
    "summary": f"Make a short link to the video. A generation has at most {MAX_LINKS}",
    "parameters": [
        _ID,
        {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Sending the same key and body again returns the same link.",
            "schema": _KEY,
        },
    ],
    "requestBody": {"content": {"application/json": {"schema": _ORDER}}},
    "responses": answers("400", "401", "404", "409", "413", ok=ref("Link")),
}
_LIST = {
    "operationId": "links",
    "summary": "List the short links that work, oldest first. One of them is automatic",
    "parameters": [_ID],
    "responses": answers(
        *("401", "404", "409"),
        ok={"type": "object", "required": ["data"], "properties": {"data": {"type": "array", "items": ref("Link")}}},
    ),
}
_REVOKE = {
    "operationId": "revokeLink",
    "summary": "Revoke a short link. A new link replaces the automatic one",
    "parameters": [_ID, {"name": "number", "in": "path", "required": True, "schema": _NUMBER}],
    "responses": answers("401", "404", "409", ok=_REVOKED),
}
_TOKEN = {"name": "token", "in": "path", "required": True, "schema": TEXT}
_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": TEXT,
    "description": "Any name. `poster.jpg` leads to the poster.",
}

_PLAYS = {"200": {"description": "A page that plays the video", "content": {"text/html": {}}}}
_LEADS = {
    "302": {
        "description": "A redirect to the video or its poster",
        "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
    }
}


def _opening(operation: str, *parameters: dict[str, Any], page: bool = False) -> dict[str, Any]:
    plain: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}, "text/html": {}}
    own = answers()
    responses = {
        **(_PLAYS if page else _LEADS),
        "404": {"description": "The link does not work.", "content": plain},
        "405": own["405"],
        "429": {
            "description": "The link was opened too often today, or there are too many requests.",
            "content": {**plain, **own["429"]["content"]},
        },
        "503": own["503"],
    }
    return {
        "operationId": operation,
        "summary": "Show the page of a short link, which plays the video" if page else "Open a short link",
        "security": [],
        "parameters": list(parameters),
        "responses": responses,
    }


PATHS = {
    PATH + "/{id}/links": {"post": _CREATE, "get": _LIST},
    PATH + "/{id}/links/{number}": {"delete": _REVOKE},
    LINK_PATH + "/{token}": {
        "get": _opening("openLink", _TOKEN, page=True),
        "head": _opening("checkLink", _TOKEN, page=True),
    },
    LINK_PATH + "/{token}/{name}": {
        "get": _opening("openLinkByName", _TOKEN, _NAME),
        "head": _opening("checkLinkByName", _TOKEN, _NAME),
    },
}
SCHEMAS = {"Link": _LINK}
