"""Generations: the provider's own contract."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.content_types import APPLICATION_JSON
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api import OLDER_PATH, PATH, REPEATED, UNCHECKED, listing
from core.api.body import MAX_FILES_BYTES
from core.api.generations import GenerationApi, Order
from core.intake.labels import HEADER
from core.intake.repeats import RETRY_COUNT, Sending
from routes.access import Caller, caller
from routes.parameters import base_url, flag, json_body, query, required
from wiring import logger, now
from wiring.api import accounts, addresses, api_settings, deletion, models, slots_table
from wiring.inputs import make_inputs
from wiring.retention import make_retention

_OLDER = OLDER_PATH.replace("{vendor}", "<vendor>")

router = APIGatewayHttpRouter()


@cache
def generations() -> GenerationApi:
    """Return the `GenerationApi` that shows presigned links."""
    s = api_settings()
    return GenerationApi(
        deletion=deletion(),
        inputs=make_inputs(s),
        accounts=accounts(),
        slots=slots_table(),
        models=models,
        s3=deletion().objects.s3,
        url_lifetime_seconds=s.url_lifetime_seconds,
        log=logger.info,
        allow_local_webhooks=s.allow_local_webhooks,
        retention=make_retention(s),
    )


def _shown() -> GenerationApi:
    """Return the `GenerationApi` with the kind of links that the caller's key asks for."""
    if not caller(router).short_links:
        return generations()
    return replace(generations(), short_url=addresses(base_url(router)).automatic)


@router.post(PATH)
@router.post(_OLDER)
def create(vendor: str = "") -> Response[dict[str, Any]]:  # noqa: ARG001 - the request names its model
    """Accept a request and return its generation."""
    calls, event, asked = caller(router), router.current_event, query(router)
    order = Order(
        body=json_body(router, MAX_FILES_BYTES),
        request_id=event.request_context.get("requestId") or "",
        idempotency_key=event.headers.get("idempotency-key"),
        tags=(asked.get("tag", ""), event.headers.get(HEADER, "")),
        webhook=asked.get("webhook"),
        webhook_events=asked.get("webhook_events"),
        strict=flag(router, "strict"),
        sending=_sending(calls),
    )
    created = _shown().create(calls.owner, order)
    headers: dict[str, str | list[str]] = {REPEATED: "true"} if created.is_repeated else {}
    if names := ", ".join(created.generation["meta"]["unchecked"]):
        headers[UNCHECKED] = names
    return Response(HTTPStatus.OK.value, APPLICATION_JSON, created.generation, headers=headers)


def _sending(calls: Caller) -> Sending:
    """Return the current POST, with the SDK's number of retries. Ignore a header without a number."""
    event = router.current_event
    retries = event.headers.get(RETRY_COUNT, "")
    received_at = event.request_context.get("timeEpoch")  # when the gateway received it, in milliseconds
    return Sending(
        calls.key_line,
        int(retries) if re.fullmatch("[0-9]{1,3}", retries, re.ASCII) else 0,
        datetime.fromtimestamp(received_at / 1000, UTC) if received_at else now(),
        calls.repeat_window,
    )


@router.get(PATH)
def fetch_or_list() -> dict[str, Any]:
    """Return one generation, or a page of them without an id."""
    asked = query(router)
    if "generation_id" in asked:
        return fetch()
    return _shown().page(caller(router).owner, *listing.read(asked))


@router.get(_OLDER)
def fetch(vendor: str = "") -> dict[str, Any]:  # noqa: ARG001 - the id is enough
    """Return one generation, with a fresh link to its video."""
    calls = caller(router)
    return _shown().fetch(calls.owner, calls.key_line, required(router, "generation_id"))


@router.delete(PATH)
def delete() -> dict[str, Any]:
    """Cancel a generation that runs, or delete one that has ended."""
    calls, only_running = caller(router), query(router).get("only_running") == "true"
    which = required(router, "generation_id")
    return _shown().delete(calls.owner, calls.key_line, which, only_running=only_running)


@router.patch(PATH)
def edit() -> dict[str, Any]:
    """Change the name and tags of a generation."""
    calls, which = caller(router), required(router, "generation_id")
    return _shown().edit(calls.owner, calls.key_line, which, json_body(router))


@router.get(f"{PATH}/<id>/content")
def content(id: str) -> Response[str]:
    """Redirect to the video."""
    calls = caller(router)
    url = generations().content(calls.owner, calls.key_line, id)
    return Response(HTTPStatus.FOUND.value, APPLICATION_JSON, "", headers={"Location": url})
