"""Uploads in the contract."""

from core.api.contract.parts import FORM, answers, ref
from core.generation import GENERATION_ID
from core.inputs.media import SUFFIXES

_UPLOAD = {
    "type": "object",
    "required": ["id", "reference", "upload"],
    "properties": {
        "id": {"type": "string", "pattern": GENERATION_ID},
        "reference": {"type": "string", "description": "`upload:<id>`, to be used in a request in place of a URL."},
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
            "description": "SHA-256 of the file. With it, the same file always gets the same upload.",
        },
    },
    "additionalProperties": False,
}
_CREATE = {
    "operationId": "upload",
    "summary": "Get a form to upload an image, audio or video file with, and the reference to the file",
    "description": "An upload that no generation uses expires after a day. Otherwise it is kept with the generation.",
    "requestBody": {"required": True, "content": {"application/json": {"schema": _ASKED}}},
    "responses": answers("400", "401", "413", ok=ref("Upload")),
}
PATHS = {"/v2/uploads": {"post": _CREATE}}
SCHEMAS = {"Upload": _UPLOAD}
