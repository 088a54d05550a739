"""Make moto fast: restore its state from a snapshot, and shorten calls on DynamoDB items.

A call through the SDK and moto takes milliseconds, mostly for signing, URLs, headers and parsing. A test of the
functions starts with more than twenty resources and then makes up to thousands of calls.
"""

import copyreg
import json
import pickle
import re
from collections.abc import Callable
from threading import Condition
from typing import Any

from botocore import handlers, xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HTTPHeaders
from botocore.model import OperationModel
from botocore.useragent import UserAgentString
from moto.core import models as core
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import ServiceException
from moto.dynamodb.models.dynamo_type import LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from werkzeug.exceptions import HTTPException

REGION = "us-east-1"
DYNAMODB = f"https://dynamodb.{REGION}.amazonaws.com/"
ITEM_CALLS = {
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
}


class Clients:
    """A cache of clients, because making one takes longer than most of its calls."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self._made: dict[str, Any] = {}

    def __call__(self, service: str, **options: Any) -> Any:
        """Return the client of a service with these options. It is stateless."""
        config = getattr(options.get("config"), "_user_provided_options", None)
        key = f"{service} {sorted(options.items() - {('config', options.get('config'))})} {config}"
        if key not in self._made:
            self._made[key] = self._make(service, **options)
        return self._made[key]


class Snapshot:
    """A copy of all state that moto held when the snapshot was made."""

    def __init__(self) -> None:
        services: list[BackendDict[Any]] = BackendDict._instances  # type: ignore[misc]
        found = [(service, *of) for service in services for of in service.iter_backends()]
        self._places = [(service, account, region) for service, account, region, _ in found]
        self._backends = pickle.dumps([backend for *_, backend in found])

    def restore(self) -> None:
        """Restore a copy of moto's state. Services that were empty at the time of the snapshot are left unchanged."""
        for (service, account, region), backend in zip(self._places, pickle.loads(self._backends), strict=True):
            service[account][region] = backend


def speed_up() -> None:
    """Patch moto for this process. Call this before making any client."""
    copyreg.pickle(Condition, lambda _: (Condition, ()))  # queues have one, and a restored one needs no waiters
    handlers.BUILTIN_HANDLERS.insert(0, ("before-send", _as_bytes))  # run before moto's handler
    handlers.BUILTIN_HANDLERS.append(("before-call", _short_way))
    # A transaction first copies its tables, once per item, and each copy measured all attributes again.
    copyreg.pickle(LimitedSizeDict, lambda attributes: (_attributes, (dict(attributes),)))
    Table.__deepcopy__ = lambda self, _: pickle.loads(pickle.dumps(self))  # type: ignore[attr-defined]
    # Both are built for each call and never change.
    UserAgentString.to_string = lambda self: "tests"  # type: ignore[method-assign]  # noqa: ARG005
    BaseBackend.urls = property(_urls)  # type: ignore[assignment,method-assign]
    core.RESPONSES_METHODS.clear()  # URL patterns by service and method, for clients other than boto3


_compute_urls: Callable[[BaseBackend], Any] = vars(BaseBackend)["urls"].fget
_urls_of_class: dict[type, Any] = {}


def _urls(backend: BaseBackend) -> Any:
    """Return the handlers by compiled URL. moto computes them for each call although they never change."""
    if type(backend) not in _urls_of_class:
        _urls_of_class[type(backend)] = {re.compile(url): handler for url, handler in _compute_urls(backend).items()}
    return _urls_of_class[type(backend)]


def _attributes(found: dict[str, Any]) -> LimitedSizeDict:
    attributes = LimitedSizeDict()
    dict.update(attributes, found)
    return attributes


def _as_bytes(request: AWSPreparedRequest, **_: object) -> None:
    """Turn the body into bytes: boto3 and every server accept a bytearray, moto does not."""
    if isinstance(request.body, bytearray):
        request.body = bytes(request.body)


def _short_way(model: OperationModel, params: dict[str, Any], **_: object) -> tuple[AWSResponse, Any] | None:
    """Return moto's answer to a call on items, or None to let moto handle the call in the usual way.

    An error takes the usual way, where it becomes the SDK's exception. A failed call has changed nothing.
    """
    if not core.botocore_stubber.enabled or params["url"] != DYNAMODB or model.name not in ITEM_CALLS:
        return None
    if b'"B' in params["body"]:  # bytes or a set of bytes, which this JSON encodes as Base64
        return None
    shape = model.output_shape
    assert shape
    handler = DynamoHandler()
    handler.body, handler.current_account, handler.region = json.loads(params["body"]), core.DEFAULT_ACCOUNT_ID, REGION
    try:
        result = getattr(handler, xform_name(model.name))().result
    except (HTTPException, ServiceException):
        return None
    answer = {name: result[name] for name in shape.members if name in result}
    answer["ResponseMetadata"] = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
    return AWSResponse(DYNAMODB, 200, HTTPHeaders(), None), answer
