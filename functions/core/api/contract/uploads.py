"""Uploads in the contract."""

from core.api.contract.parts import FORM, answers, ref
from core.generation import GENERATION_ID
from core.inputs.media import SUFFIXES

_UPLOAD = {
    "type": "object",
    "required": ["id", "reference", "upload"],
    "properties": {
        "id": {"type": "string", "pattern": GENERATION_ID},
        "reference": {"type": "string", "description": "What a request has in place of a link: `upload:<id>`."},
        "upload": FORM,
    },
}
_ASKED = {
    "type": "object",
    "required": ["content_type"],
    "properties": {
        "content_type": {"enum": list(SUFFIXES)},
        "sha256": {
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "Of the file: with it the same file is always the same upload.",
        },
    },
    "additionalProperties": False,
}
_CREATE = {
    "operationId": "upload",
    "summary": "Ask for a form to send a picture, a sound or a video with, and for the reference to it",
    "description": "One that no generation uses goes after a day; what one uses stays as long as that.",
    "requestBody": {"required": True, "content": {"application/json": {"schema": _ASKED}}},
    "responses": answers("400", "401", ok=ref("Upload")),
}
PATHS = {"/v2/uploads": {"post": _CREATE}}
SCHEMAS = {"Upload": _UPLOAD}
