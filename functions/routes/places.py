"""The places at the provider."""

from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api.places import PlacesApi
from core.places.history import History
from wiring import client, now
from wiring.api import api_settings, places_table

router = APIGatewayHttpRouter()


@cache
def _places() -> PlacesApi:
    s = api_settings()
    return PlacesApi(places_table(), History(client("dynamodb"), s.places_table_name), s.in_flight_limit, now)


@router.get("/v2/places")
def places() -> dict[str, Any]:
    """Return how many places are there, taken and waited for, now and in the last days."""
    return _places().tell()
