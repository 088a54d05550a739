"""Build the collaborators of handlers. The clock, the logger and AWS clients with timeouts are here.

Each file has a class with the settings of its collaborator (`Uses…`) and the function that makes it. A handler's
`Settings` derive from these classes, so each setting is declared once. A test checks that infra/ sets exactly these
settings.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from botocore.config import Config

logger = Logger()
# Core knows no Powertools. Its standard logger writes in the same format, with the fields of `extra`.
copy_config_to_registered_loggers(logger, include={logging.getLogger("promptreel").name})
logger.remove_keys(["name"])  # which that has added to each line

_CONFIG = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


class _Client:
    """An AWS client that is made at its first use, because most invocations need only some of a function's clients."""

    def __init__(self, service: str, config: Config) -> None:
        self._service = service
        self._config = config

    @cached_property
    def _client(self) -> Any:
        return _boto3_client(self._service, config=self._config)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


_made: dict[str, Any] = {}


def client(service: str, **options: Any) -> Any:
    """Return the AWS client of `service`. Calls with the same options share it.

    The SDK's retries apply to AWS only, never to the provider.
    """
    key = f"{service} {options}"
    if key not in _made:
        _made[key] = _Client(service, _CONFIG.merge(Config(**options)))
    return _made[key]


def client_of(credentials: Mapping[str, Any], service: str, **options: Any) -> Any:
    """Return a client with credentials from STS."""
    return _boto3_client(
        service,
        config=_CONFIG.merge(Config(**options)),
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def _boto3_client(service: str, **options: Any) -> Any:
    return boto3.client(service, **options)  # type: ignore[call-overload]  # the stubs want a literal name
