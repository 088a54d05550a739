"""Answer the provider's API, receive webhooks, and fail on request. The handler of the sandbox's function.

An invocation without an HTTP request is one of the tests of asynchronous retries: it is counted and fails.
"""

import base64
import functools
import hmac
import os
import time
from email.message import Message
from typing import Any

import boto3
from botocore.config import Config

from local.simulator.answers import Answer, error_answer, json_answer
from local.simulator.calls import Call
from local.simulator.provider import Provider
from sandbox.provider import Bucket, receiver_of, sandbox_provider, secret_of
from sandbox.table import FAILED, RECEIVED, Table

KEY_SECONDS = 30  # a replaced key is accepted after that
LARGEST_WEBHOOK = 64 << 10
WEBHOOKS = "/received/"
_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
_SIGNING = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})


class ToldToFail(Exception):
    """The invocation was a test of Lambda's retries."""


def handler(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Return the response to an HTTP request of API Gateway. Raise `ToldToFail` for any other event."""
    key = _key(int(time.monotonic() // KEY_SECONDS))
    table = Table(_client("dynamodb"), os.environ["SANDBOX_TABLE"], secret_of(key))
    if "requestContext" not in event:
        table.note(FAILED, str(event.get("name", "")), "failed")
        raise ToldToFail(str(event.get("name", "")))
    headers = Message()
    for name, value in event.get("headers", {}).items():
        headers[name] = value
    body = event.get("body") or ""
    data = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    call = Call(event["requestContext"]["http"]["method"], event["rawPath"], time.time())
    if call.path.startswith(WEBHOOKS):
        return _response(_receive(call, data, table, key))
    bucket = Bucket(_client("s3"), os.environ["SANDBOX_BUCKET"])
    hosts = [host for host in os.environ["INPUT_HOSTS"].split(",") if host]
    provider: Provider = sandbox_provider(key, table, bucket, hosts)
    return _response(provider.answer(call, headers, event.get("rawQueryString", ""), data))


def _receive(call: Call, body: bytes, table: Table, key: str) -> Answer:
    """Keep a webhook for the tests."""
    given = call.path.removeprefix(WEBHOOKS)
    if call.method != "POST" or not hmac.compare_digest(given.encode(), receiver_of(key).encode()):
        return error_answer(404, "This receiver does not exist.", WEBHOOKS)
    if len(body) > LARGEST_WEBHOOK:
        return error_answer(413, "The webhook is too large.", WEBHOOKS)
    table.note(RECEIVED, base64.urlsafe_b64encode(os.urandom(9)).decode(), body.decode(errors="replace"))
    return json_answer({})


def _response(answer: Answer) -> dict[str, Any]:
    headers = {**answer.headers, "Content-Type": answer.content_type, "x-simulator": "no AI involved"}
    return {"statusCode": int(answer.status), "headers": headers, "body": answer.body.decode()}


@functools.lru_cache(maxsize=1)
def _key(_period: int) -> str:
    """Return the accepted key. It is read again in each period."""
    return str(_client("secretsmanager").get_secret_value(SecretId=os.environ["SANDBOX_KEY_SECRET"])["SecretString"])


@functools.cache
def _client(service: str) -> Any:
    config = _CONFIG.merge(_SIGNING) if service == "s3" else _CONFIG
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # the name is not literal
