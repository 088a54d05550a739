"""The deliveries of an owner's webhooks, and the secret that signs them."""

from functools import cache, partial
from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api.webhooks import DEFAULT_LIMIT, MAX_LIMIT, WebhookApi
from core.webhooks.records import CURSOR
from routes.access import caller
from routes.parameters import cursor, number
from wiring import client
from wiring.api import api_settings
from wiring.webhooks import make_master, make_webhook_records

router = APIGatewayHttpRouter()


@cache
def _webhooks() -> WebhookApi:
    s = api_settings()
    send = partial(client("sqs").send_message, QueueUrl=s.webhooks_queue_url)
    return WebhookApi(records=make_webhook_records(s), master=make_master(s), send=send)


@router.get("/v2/webhooks/deliveries")
def deliveries() -> dict[str, Any]:
    """Return a page of the deliveries, newest first."""
    limit = number(router, "limit", MAX_LIMIT) or DEFAULT_LIMIT
    return _webhooks().list(caller(router).owner, cursor(router, CURSOR), limit)


@router.post("/v2/webhooks/deliveries/<id>/redeliver")
def redeliver(id: str) -> dict[str, Any]:
    """Send a delivery again."""
    return _webhooks().redeliver(caller(router).owner, id)


@router.get("/v2/webhooks/secret")
def secret() -> dict[str, Any]:
    """Return the secret that signs the owner's webhooks."""
    return _webhooks().secret(caller(router).owner)


@router.post("/v2/webhooks/secret/rotate")
def rotate() -> dict[str, Any]:
    """Replace the secret. For a day, webhooks are signed with the old and the new one."""
    return _webhooks().rotate(caller(router).owner)
