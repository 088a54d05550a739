"""Offer the HTTP API of the stack at the root of the local AWS, in addition to its own path.

Some clients keep only the host of a base URL. On AWS that is enough, because the API has a host of its own. Here it
shares a host and a port with the AWS APIs. Requests to those are signed, and the API has few paths that begin
differently from the names of buckets. This module runs in ministack's own environment.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from local.state import App, Receive, Send

_OURS = re.compile(r"/(v1|v2|models|api/v1/models)(/|$)")
_SIGNED = b"AWS4-HMAC-SHA256"


def at_root(app: App, api_id: Callable[[], str | None]) -> App:
    """Return the ASGI application that also accepts the API's paths at the root. `api_id` is None until it exists."""

    async def serve(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_for_the_api(scope) and (api := api_id()):
            path = f"/_aws/execute-api/{api}/$default"
            raw = scope.get("raw_path") or quote(scope["path"]).encode()
            scope = {**scope, "path": path + scope["path"], "raw_path": path.encode() + raw}
        await app(scope, receive, send)

    return serve


def _is_for_the_api(scope: dict[str, Any]) -> bool:
    signed = any(name.lower() == b"authorization" and value.startswith(_SIGNED) for name, value in scope["headers"])
    return not signed and _OURS.match(scope["path"]) is not None
