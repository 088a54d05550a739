"""The slots at the provider."""

from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api.slots import SlotsApi
from core.slots.history import History
from wiring import client, now
from wiring.api import api_settings, slots_table

router = APIGatewayHttpRouter()


@cache
def _slots() -> SlotsApi:
    s = api_settings()
    history = History(client("dynamodb"), s.slots_table_name)
    return SlotsApi(table=slots_table(), history=history, limit=s.in_flight_limit, now=now)


@router.get("/v2/slots")
def slots() -> dict[str, Any]:
    """Return the numbers of slots, held slots and queued jobs, now and in the last days."""
    return _slots().tell()
