"""The short links of a generation."""

from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api import PATH
from core.api.links import LinkApi, LinkOrder
from core.intake.accept import idempotency_key
from routes.access import caller
from routes.generations import generations
from routes.parameters import base_url, json_body
from wiring.api import addresses

router = APIGatewayHttpRouter()


def _links() -> LinkApi:
    return LinkApi(generations=generations(), addresses=addresses(base_url(router)))


@router.post(f"{PATH}/<id>/links")
def create(id: str) -> dict[str, Any]:
    """Make a link."""
    key = router.current_event.headers.get("idempotency-key")
    order = LinkOrder(
        body=json_body(router) if router.current_event.body else None,
        idempotency_key=None if key is None else idempotency_key(key, "Idempotency-Key"),
    )
    return _links().create(caller(router).owner, id, order)


@router.get(f"{PATH}/<id>/links")
def list_(id: str) -> dict[str, Any]:
    """Return the links that work."""
    return _links().list(caller(router).owner, id)


@router.delete(f"{PATH}/<id>/links/<number>")
def revoke(id: str, number: str) -> dict[str, Any]:
    """Revoke a link."""
    return _links().revoke(caller(router).owner, id, number)
