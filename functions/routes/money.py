"""Estimates, usage and budgets."""

from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api.api_keys import ALL
from core.api.body import MAX_FILES_BYTES
from core.api.money import MoneyApi
from routes.access import caller
from routes.parameters import flag, json_body, query
from wiring.api import accounts, models

router = APIGatewayHttpRouter()


@cache
def _money() -> MoneyApi:
    return MoneyApi(accounts=accounts(), models=models)


@router.post("/v2/estimates")
def estimate() -> dict[str, Any]:
    """Return the estimated cost of a request. Nothing is stored."""
    calls = caller(router)
    return _money().estimate(
        calls.owner, calls.key_line, json_body(router, MAX_FILES_BYTES), strict=flag(router, "strict")
    )


@router.get("/v2/usage")
def usage() -> dict[str, Any]:
    """Return the total cost of the owner's generations."""
    calls = caller(router)
    return _money().usage(calls.owner, query(router), None if calls.scope == ALL else calls.key_line or "")


@router.get("/v2/budgets")
def budgets() -> dict[str, Any]:
    """Return the budgets for the caller's requests."""
    calls = caller(router)
    return _money().budgets(calls.owner, calls.key_line)
