"""The HTTP API's authorizer, which finds the owner of a key.

It always lets the request pass, with an empty owner for an invalid key. api.py answers such a request with 401 and the
provider's error body. If this function rejected it, the client would get 403, which means "out of credits" in the
provider's contract.
"""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes import event_source
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerEventV2,
    APIGatewayAuthorizerResponseV2,
)

from core import settings
from core.api.api_keys import Holder, holder_of, is_key
from core.secrets import Secret
from wiring import logger, now
from wiring.api_keys import UsesApiKeys, make_api_keys

RETRY_SECONDS = 2  # a new key works after this time at the latest
REMEMBER_SECONDS = 30  # with the gateway's 240 s, a revoked or expired key stops working within five minutes


@dataclass(frozen=True)
class Settings(UsesApiKeys):
    pass


@cache
def _keys(seconds: int) -> Secret:
    """Return the keys, read at most once every `seconds`, so that guessing keys causes no further calls."""
    return make_api_keys(settings.read(Settings), seconds)


@logger.inject_lambda_context
@event_source(data_class=APIGatewayAuthorizerEventV2)
def handler(event: APIGatewayAuthorizerEventV2, _context: object) -> dict[str, Any]:
    """Return a simple response to an authorizer request of payload 2.0, with the key's holder in its context."""
    scheme, _, key = event.headers.get("authorization", "").partition(" ")
    holder = _holder(key.strip()) if scheme.lower() == "bearer" else None
    return APIGatewayAuthorizerResponseV2(authorize=True, context=asdict(holder) if holder else {"owner": ""}).asdict()


def _holder(key: str) -> Holder | None:
    holder = holder_of(key, _keys(REMEMBER_SECONDS).text(), now())
    if holder is None and is_key(key):  # the key may be newer than the remembered ones
        holder = holder_of(key, _keys(RETRY_SECONDS).text(), now())
    return holder
