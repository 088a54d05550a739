"""The health check and the contract, which need no key."""

from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from wiring.api import models

router = APIGatewayHttpRouter()


@router.get("/health")
def health() -> dict[str, Any]:
    """Answer that the API is up."""
    return {"status": "ok"}


@router.get("/openapi.json")
def contract() -> dict[str, Any]:
    """Return the contract as OpenAPI."""
    from core.api.contract.document import document  # noqa: PLC0415 - few requests ask for it

    return document(models())
