"""The HTTP API's authorizer, which finds the owner of a key.

It always lets the request pass, with an empty owner for an invalid key. api.py answers such a request with 401 and the
provider's error body. If this function rejected it, the client would get 403, which means "out of credits" in the
provider's contract. The gateway caches the answer for 240 seconds, so api.py looks up a key without an owner again.
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
from core.api.api_keys import KnownKeys
from wiring import logger
from wiring.api_keys import UsesApiKeys, make_known_keys


@dataclass(frozen=True)
class Settings(UsesApiKeys):
    pass


@cache
def _wired() -> KnownKeys:
    return make_known_keys(settings.read(Settings))


@logger.inject_lambda_context
@event_source(data_class=APIGatewayAuthorizerEventV2)
def handler(event: APIGatewayAuthorizerEventV2, _context: object) -> dict[str, Any]:
    """Return a simple response to an authorizer request of payload 2.0, with the key's holder in its context."""
    holder = _wired().holder(event.headers.get("authorization", ""))
    return APIGatewayAuthorizerResponseV2(authorize=True, context=asdict(holder) if holder else {"owner": ""}).asdict()
