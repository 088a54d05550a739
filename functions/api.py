"""The HTTP API: the provider's own contract, in front of the archive."""

import json
import random
import re
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.content_types import APPLICATION_JSON

from core.api import LINK_PATH, shown_path
from core.errors import (
    BodyTooLarge,
    BudgetExceeded,
    Conflict,
    Contention,
    FileTooLarge,
    IdempotencyConflict,
    InvalidFile,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PromptreelError,
    TooManyRejectedRows,
    Unauthorized,
    VideoExpired,
)
from core.generation import iso
from core.records.table import is_contention
from routes import batches, contract, generations, keys, links, models, money, opening, slots, uploads, webhooks
from routes.access import check_access
from wiring import logger, now
from wiring.api import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["Settings", "handler"]

# Answers contain prompts and working links. No cache may keep them, and browsers must treat them as JSON only.
PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
RETRY_AFTER_SECONDS = (2, 8)
STATUS: dict[type[BaseException], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    InvalidFile: HTTPStatus.BAD_REQUEST,
    FileTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    NotFound: HTTPStatus.NOT_FOUND,
    VideoExpired: HTTPStatus.GONE,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    Conflict: HTTPStatus.CONFLICT,
    IdempotencyConflict: HTTPStatus.CONFLICT,
    BudgetExceeded: HTTPStatus.FORBIDDEN,  # as the provider answers a caller without credits
    Contention: HTTPStatus.SERVICE_UNAVAILABLE,
    TooManyRejectedRows: HTTPStatus.FORBIDDEN,  # not 429, which programs retry within seconds
}

app = APIGatewayHttpResolver(serializer=partial(json.dumps, ensure_ascii=False))
app.use([check_access])  # it answers unknown paths and methods as well
for resource in (batches, contract, generations, keys, links, models, money, opening, slots, uploads, webhooks):
    app.include_router(resource.router)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Answer an HTTP API event of payload 2.0."""
    # A base URL with a trailing slash leads to paths like `//v2/...`.
    path = re.sub("^/+", "/", event["rawPath"])
    if path.startswith(f"{LINK_PATH}/"):
        path = quote(path)  # so that any characters in the name of the file match the route
    answer = app.resolve({**event, "rawPath": path}, context)
    # Not in a middleware, because middlewares do not run for errors.
    answer["headers"].update(PRIVATE)
    return answer


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]  # Powertools does not annotate it
def answer_error(error: Exception) -> Response[dict[str, Any]]:
    """Return the provider's error object for any error."""
    if is_contention(error):
        logger.warning("too many writes at once", reason=str(error))
        error = Contention()
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)
    if status is None:
        logger.exception("unexpected error", exc_info=error)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        error = PromptreelError(
            "Promptreel failed unexpectedly. Try again with an Idempotency-Key, so that nothing runs twice."
        )
    event = app.current_event
    body = {
        "message": str(error),
        **({"problems": [asdict(problem) for problem in error.problems]} if isinstance(error, InvalidRequest) else {}),
        "remedy": getattr(error, "remedy", "") or None,
        "path": shown_path(event.path),
        "requestId": event.request_context.get("requestId") or str(uuid4()),
        "statusCode": status.value,
        "timestamp": iso(now()),
    }
    return Response(status.value, APPLICATION_JSON, body, _headers(error))


def _headers(error: Exception) -> dict[str, str | list[str]]:
    match error:
        case MethodNotAllowed():
            return {"Allow": error.allowed}
        case Contention():  # a random delay, so that the clients do not all return at the same time
            return {"Retry-After": str(random.randint(*RETRY_AFTER_SECONDS))}  # noqa: S311 - nothing secret
    return {}
