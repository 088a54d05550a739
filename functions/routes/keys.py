"""The API keys of the caller's owner."""

from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from core.api.keys import KeyApi
from routes.access import caller
from wiring.api import api_settings, key_uses
from wiring.api_keys import make_api_keys

router = APIGatewayHttpRouter()


@cache
def _keys() -> KeyApi:
    return KeyApi(secret=make_api_keys(api_settings(), seconds=0), last_uses=key_uses().latest)


@router.get("/v2/keys")
def keys() -> dict[str, Any]:
    """Return the owner's keys, newest first."""
    calls = caller(router)
    return _keys().list(calls.owner, calls.key_id, calls.scope)
