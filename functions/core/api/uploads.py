"""Uploads over HTTP: a form to upload a file to S3, and the reference to use for it in requests."""

from typing import Any

from core.errors import InvalidRequest
from core.inputs.files import Inputs

PARAMETERS = ("content_type", "sha256")


def form(inputs: Inputs, owner: str, body: object) -> dict[str, Any]:
    """Return the form and the reference. Raise `InvalidRequest` if a parameter in `body` is not valid."""
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise InvalidRequest("The body must be a JSON object with `content_type` and, optionally, `sha256`.")
    if unknown := [name for name in body if name not in PARAMETERS]:
        raise InvalidRequest(f"`{unknown[0][:64]}` is not a parameter of an upload. Use {' and '.join(PARAMETERS)}.")
    return inputs.form(owner, body.get("content_type") or "", body.get("sha256"))
