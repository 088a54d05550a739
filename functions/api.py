"""The HTTP API: the provider's own contract, in front of the archive."""

import json
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from core import settings
from core.accept import Workflow, accept
from core.archive import presigned_url
from core.errors import IdempotencyConflict, InvalidRequest, NotFound, PromptreelError, Unauthorized
from core.generation import Generation, Source
from core.ledger import Ledger, iso
from core.record import as_provider_object
from wiring import client, logger, now

MAX_BODY_BYTES = 256 << 10
MAX_IDEMPOTENCY_KEY = 255
_STATUS = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    NotFound: HTTPStatus.NOT_FOUND,
    IdempotencyConflict: HTTPStatus.UNPROCESSABLE_ENTITY,
}

app = APIGatewayHttpResolver()


@dataclass(frozen=True)
class Settings:
    table_name: str
    videos_bucket: str
    state_machine_arn: str
    url_lifetime_seconds: int


@cache
def _wired() -> tuple[Ledger, Workflow, Any, int]:
    s = settings.read(Settings)
    return (
        Ledger(client("dynamodb"), s.table_name, now),
        Workflow(client("stepfunctions"), s.state_machine_arn),
        client("s3", signature_version="s3v4"),
        s.url_lifetime_seconds,
    )


@app.get("/health")
def health() -> dict[str, str]:
    """Life, for anyone."""
    return {"status": "ok"}


@app.post("/v2/video/generations")
@app.post("/v2/generate/video/google/generation")
def create() -> Response[str]:
    """Accept a request: its generation, `queued` unless an idempotency key finds an older one."""
    owner = _owner()
    ledger, workflow, _, _ = _wired()
    request_id = app.current_event.request_context.request_id
    generation = accept(_body(), owner, Source("api", request_id), _idempotency_key(), ledger, workflow)
    logger.info("accepted", generation_id=generation.generation_id, owner=owner, model=generation.model)
    return _json(HTTPStatus.OK, _shown(generation))


@app.get("/v2/video/generations")
@app.get("/v2/generate/video/google/generation")
def fetch() -> Response[str]:
    """One generation of the caller's own, with a fresh link to its video."""
    owner = _owner()
    generation_id = app.current_event.query_string_parameters.get("generation_id")
    if not generation_id:
        raise InvalidRequest("The query parameter `generation_id` is required.", "generation_id")
    generation = _wired()[0].get(generation_id)
    if generation.owner != owner:
        raise NotFound(f"There is no generation {generation_id}.")
    return _json(HTTPStatus.OK, _shown(generation))


@app.exception_handler(list(_STATUS))  # type: ignore[untyped-decorator]  # the library leaves it untyped
def _refused(error: PromptreelError) -> Response[str]:
    return _error(_STATUS[type(error)], str(error))


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]  # the library leaves it untyped
def _failed(error: Exception) -> Response[str]:
    logger.exception("unexpected error", exc_info=error)
    return _error(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Promptreel failed unexpectedly: try again, with an Idempotency-Key so that nothing runs twice.",
    )


@app.not_found
def _no_route(_: Exception) -> Response[str]:
    _owner()
    return _error(HTTPStatus.NOT_FOUND, f"There is no {app.current_event.http_method} {app.current_event.path} here.")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An HTTP API event, payload 2.0 → its answer."""
    return app.resolve(event, context)


def _owner() -> str:
    """Whom the authorizer recognised."""
    authorizer = app.current_event.request_context.authorizer
    owner = (authorizer.get_lambda or {}).get("owner") if authorizer else None
    if not owner:
        raise Unauthorized("The API key is missing or not valid: send `Authorization: Bearer <key>`.")
    return str(owner)


def _body() -> object:
    text = app.current_event.decoded_body or ""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BODY_BYTES:
        raise InvalidRequest(f"The body is too large: at most {MAX_BODY_BYTES} bytes are allowed.")
    try:
        body = json.loads(text, parse_constant=_no_constant)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is valid JSON, but no text
    except UnicodeEncodeError as error:
        raise InvalidRequest("The body holds characters that are not valid Unicode.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body must be valid JSON: {error}.") from error
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _idempotency_key() -> str | None:
    key = app.current_event.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= MAX_IDEMPOTENCY_KEY:
        raise InvalidRequest(f"The header Idempotency-Key must have 1 to {MAX_IDEMPOTENCY_KEY} characters.")
    return key


def _shown(generation: Generation) -> dict[str, Any]:
    _, _, s3, lifetime = _wired()
    link = presigned_url(s3, generation.video, lifetime) if generation.video else None
    return as_provider_object(generation, link)


def _json(status: HTTPStatus, body: dict[str, Any]) -> Response[str]:
    text = json.dumps(body, ensure_ascii=False)
    return Response(status_code=status, content_type="application/json", body=text)


def _error(status: HTTPStatus, message: str) -> Response[str]:
    """The provider's error body."""
    event = app.current_event
    return _json(
        status,
        {
            "message": message,
            "path": event.path,
            "requestId": event.request_context.request_id or str(uuid4()),
            "statusCode": status.value,
            "timestamp": iso(now()),
        },
    )
