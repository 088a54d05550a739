"""A call of the HTTP API and its answer, and which function a call is for.

Source: API Gateway's payload format 2.0,
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from core.api.api_keys import ALL, CREATE, READ, SCOPES
from core.errors import InvalidRequest, MethodNotAllowed, NotFound, Unauthorized

# Answers hold prompts and links that work: nobody on the way keeps them, or takes them for anything but JSON.
PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class Request:
    """A call; names of `headers` are in lower case, `known_as` is whom the authorizer recognised."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str
    is_base64: bool
    known_as: str | None
    key_id: str | None
    scope: str  # of the key
    id: str
    needs: str = ALL  # the scope that the call is for
    named: Mapping[str, str] = field(default_factory=dict)  # by the path's pattern

    @property
    def owner(self) -> str:
        """Who calls; raises `Unauthorized` if that is not known, or the key is not for such a call."""
        if not self.known_as:
            raise Unauthorized("The API key is missing or not valid: send `Authorization: Bearer <key>`.")
        if SCOPES.index(self.scope) < SCOPES.index(self.needs):
            # Not 403, by which the provider's contract says that money is wanted.
            raise Unauthorized(f"This API key has the scope `{self.scope}`, and this call needs `{self.needs}`.")
        return self.known_as

    def content(self) -> bytes:
        """The body as it was sent; raises ValueError if that cannot be told."""
        return base64.b64decode(self.body) if self.is_base64 else self.body.encode()

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false, which it is where it is not there."""
        text = self.query.get(name, "false")
        if text not in ("true", "false"):
            raise InvalidRequest(f"`{name}` must be true or false.", name)
        return text == "true"

    def number(self, name: str, most: int) -> int | None:
        """A query parameter that counts from 1, None where it is not there."""
        text = self.query.get(name)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= most:
            raise InvalidRequest(f"`{name}` must be a number from 1 to {most}.", name)
        return int(text)

    def cursor(self, pattern: str) -> str | None:
        """The query parameter `cursor`, which an earlier page told."""
        cursor = self.query.get("cursor")
        if cursor is not None and not re.fullmatch(pattern, cursor, re.ASCII):
            raise InvalidRequest("`cursor` must be the `next_cursor` of an earlier page.", "cursor")
        return cursor


@dataclass(frozen=True)
class Answer:
    """What a call is answered."""

    status: int
    body: str
    headers: Mapping[str, str]

    def as_event(self) -> dict[str, Any]:
        """As API Gateway takes it."""
        return {"statusCode": self.status, "headers": dict(self.headers), "body": self.body, "isBase64Encoded": False}


def as_json(body: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer in JSON."""
    return as_text(json.dumps(body, ensure_ascii=False), "application/json", status, headers)


def as_text(
    text: str, content_type: str, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Answer:
    """An answer in any type of text."""
    return Answer(int(status), text, {"Content-Type": content_type, **(headers or {}), **PRIVATE})


def read_event(event: Mapping[str, Any]) -> Request:
    """The call that an event is."""
    context = event["requestContext"]
    # A base URL that ends in a slash makes `//v2/...` of a path.
    path = re.sub("^/+", "/", event["rawPath"])
    if context["stage"] != "$default":
        path = path.removeprefix(f"/{context['stage']}")
    holder = (context.get("authorizer") or {}).get("lambda") or {}
    return Request(
        method=context["http"]["method"],
        path=path,
        query=event.get("queryStringParameters") or {},
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        body=event.get("body") or "",
        is_base64=bool(event.get("isBase64Encoded")),
        known_as=holder.get("owner") or None,
        key_id=holder.get("key_id") or None,
        scope=holder.get("scope", ALL),
        id=context.get("requestId") or "",
    )


Call = Callable[[Request], Answer]
_NEEDS = {"GET": READ, "POST": CREATE, "DELETE": ALL}


class Routes:
    """Which function answers which method and path; `{name}` in a path is any one part of it, and told as `named`.

    A GET needs a key to read, a POST one to create; what takes something away, or gives power over what others are
    told (`needs_all`, and DELETE), needs a key for all.
    """

    def __init__(self, routes: Mapping[str, Call], needs_all: Collection[str] = ()) -> None:
        self.known = set(routes)
        self._routes: list[tuple[str, re.Pattern[str], str, Call]] = []
        for route, call in routes.items():
            method, path = route.split()
            needs = ALL if route in needs_all else _NEEDS[method]
            self._routes.append((method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), needs, call))

    def answer(self, request: Request) -> Answer:
        """What the function for this call answers; raises `MethodNotAllowed` and `NotFound` where there is none."""
        allowed = []
        for method, pattern, needs, call in self._routes:
            if found := pattern.fullmatch(request.path):
                if method == request.method:
                    return call(replace(request, needs=needs, named=found.groupdict()))
                allowed.append(method)
        if allowed:
            raise MethodNotAllowed(request.method, allowed)
        _ = replace(request, needs=READ).owner  # what there is, is for those who are known
        raise NotFound(f"There is no {request.path} here.")
