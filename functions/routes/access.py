"""Check whether a key may call a route."""

import re
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Request, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from botocore.exceptions import BotoCoreError, ClientError

from core.api import shown_path
from core.api.api_keys import ALL, SCOPES
from core.api.routes import ANYONE, ROUTES
from core.errors import MethodNotAllowed, NotFound, Unauthorized
from wiring import logger, now
from wiring.api import key_uses, known_keys

_NEEDED = {route: scope for scope, routes in ROUTES.items() for route in routes}


@dataclass(frozen=True)
class Caller:
    """The holder of a call's key; `owner` is empty without a valid key."""

    owner: str
    key_id: str | None
    scope: str
    key_line: str | None
    short_links: bool
    repeat_window: timedelta  # in which equal requests are one job


def caller(router: APIGatewayHttpRouter) -> Caller:
    """Return the caller of the current call, which `check_access` has allowed."""
    found: Caller = router.context["caller"]
    return found


def check_access(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """Let a call pass if its key's scope includes the route, and record the use of the key (middleware).

    Raise `MethodNotAllowed` or `NotFound` for a call that is not in ROUTES, and `Unauthorized`.
    """
    event, request = app.current_event, app.request
    holder = event.request_context.authorizer.get_lambda
    if not holder.get("owner") and _needed(request) != ANYONE:
        # The gateway may have cached this answer from a call that was made before the key was known.
        found = known_keys().holder(event.headers.get("authorization", ""))
        holder = asdict(found) if found else {}
    calls = Caller(
        owner=holder.get("owner") or "",
        key_id=holder.get("key_id") or None,
        scope=holder.get("scope", ALL),
        key_line=holder.get("line") or None,
        short_links=str(holder.get("short_links")).lower() == "true",  # the gateway may pass it as text
        repeat_window=timedelta(seconds=int(holder.get("repeat_window") or 0)),
    )
    app.append_context(caller=calls)
    try:
        _check(calls, request)
        return next_middleware(app)
    finally:
        if calls.owner and calls.key_id:
            _note_use(calls.key_id, f"{now():%Y-%m-%dT%H}")


def _needed(request: Request) -> str | None:
    return _NEEDED.get(f"{request.method} {request.route}")


def _check(calls: Caller, request: Request) -> None:
    needed, path = _needed(request), request.resolved_event.path
    if needed == ANYONE:
        return
    allowed = [] if needed else _methods_of(path)
    if allowed and request.method not in allowed:
        raise MethodNotAllowed(request.method, allowed)
    if not calls.owner:
        raise Unauthorized("The API key is missing or not valid. Send `Authorization: Bearer <key>`.")
    if needed is None:
        raise NotFound(f"The API has no path {shown_path(path)}.")
    if SCOPES.index(calls.scope) < SCOPES.index(needed):
        # Not 403, which means "out of credits" in the provider's contract.
        raise Unauthorized(f"This API key has the scope `{calls.scope}`, but this call needs `{needed}`.")


def _methods_of(path: str) -> list[str]:
    """Return the methods that have a route to this path."""
    found = []
    for method, route in map(str.split, _NEEDED):
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", route), path):
            found.append(method)
    return found


@lru_cache(maxsize=1000)
def _note_use(key_id: str, _hour: str) -> None:
    """Record the use of a key for `promptreel keys list`, once an hour in each process."""
    try:
        key_uses().note(key_id)
    except (BotoCoreError, ClientError) as error:
        logger.warning("use of a key not recorded", key_id=key_id, reason=str(error))
