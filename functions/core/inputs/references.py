"""The references in a request: values of the fields for the URL of an image, an audio file or a video.

https://...             a link, which is passed to the provider unchanged
upload:<id>             a file that its owner uploaded
s3://<bucket>/<key>     an object of the deployment's own buckets
generation:<id>         the video of another generation of its owner
data:image/png;base64,  the file itself; it becomes an upload when the request is accepted
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidRequest
from core.models import Input

UPLOAD = re.compile("upload:([0-9a-f]{32})", re.ASCII)
GENERATION = re.compile("generation:([0-9a-f]{32})", re.ASCII)
S3 = "s3://"
_LINKS = ("http://", "https://")
_DATA = re.compile(r"data:[!-+\--~]*;base64,([A-Za-z0-9+/]*={0,2})", re.ASCII)


def named(request: Mapping[str, Any], inputs: Iterable[Input]) -> list[tuple[Input, str]]:
    """Return all references in the request, except links, each with its field."""
    found: list[tuple[Input, str]] = []

    def note(field: Input, value: str) -> str:
        if not value.startswith(_LINKS):
            found.append((field, value))
        return value

    changed(request, inputs, note)
    return found


def changed(request: Mapping[str, Any], inputs: Iterable[Input], change: Callable[[Input, str], str]) -> dict[str, Any]:
    """Return the request with `change` applied to each value of its input fields."""
    result: Any = dict(request)
    for field in inputs:
        parts = field.field.replace("[]", ".[]").split(".")
        result = _changed(result, parts, lambda value, field=field: change(field, value))  # type: ignore[misc]  # bound
    return dict(result)


def _changed(value: Any, path: list[str], change: Callable[[str], str]) -> Any:
    if not path:
        return change(value) if isinstance(value, str) else value
    part, *rest = path
    if part == "[]":
        return [_changed(one, rest, change) for one in value] if isinstance(value, list) else value
    if isinstance(value, dict) and part in value:
        return {**value, part: _changed(value[part], rest, change)}
    return value


def content_of(data_uri: str, field: str) -> bytes:
    """Return the file in a data: URI. Raise `InvalidRequest` if the URI has no file in base64."""
    found = _DATA.fullmatch(data_uri)
    try:
        # Before 3.13, Python accepts additional "=".
        content = base64.b64decode(found[1], validate=True) if found and len(found[1]) % 4 == 0 else b""
    except ValueError:
        content = b""
    if not content:
        raise InvalidRequest(f"`{field}` must be a data: URI in base64, like data:image/png;base64,iVBORw0....", field)
    return content


def upload_id(sha256: str) -> str:
    """Return the id of an upload from its SHA-256 in hex, so that the same file makes the same upload and request."""
    return sha256[:32]


@dataclass(frozen=True)
class Referring:
    """A request in which references to uploads replace the data: URIs. `files` maps each reference to its file."""

    request: Any  # not checked yet
    files: Mapping[str, bytes]


def referring(request: Mapping[str, Any], inputs: Iterable[Input]) -> Referring:
    """Take the files out of a request, which may be large. Raise `InvalidRequest` for an invalid data: URI."""
    files: dict[str, bytes] = {}

    def change(field: Input, value: str) -> str:
        if not value.startswith("data:"):
            return value
        content = content_of(value, field.field)
        reference = f"upload:{upload_id(hashlib.sha256(content).hexdigest())}"
        files[reference] = content
        return reference

    return Referring(changed(request, inputs, change), files)


def without_data(request: Mapping[str, Any], inputs: Iterable[Input]) -> dict[str, Any]:
    """Return the request with references to uploads for its data: URIs. Raise `InvalidRequest` for an invalid one."""
    changed_: dict[str, Any] = referring(request, inputs).request
    return changed_
