"""What handlers are made of: the clock, a logger, AWS clients with time-outs, and a file for each thing they use.

Each file has the settings that its thing needs (`Uses…`) and the function that makes it from them. A handler's
`Settings` derive from those, so that a setting is spelled once; infra/ sets exactly these (a test holds the two
together). They are files apart so that a function loads only what it uses.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any, cast

import botocore.session
from aws_lambda_powertools import Logger
from botocore.config import Config

logger = Logger()

_CONFIG = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class _Client:
    """An AWS client that is made when it is first used: most entries into a function use few of those that it has."""

    def __init__(self, service: str, config: Config) -> None:
        self._service = service
        self._config = config

    @cached_property
    def _client(self) -> Any:
        # By botocore: boto3 adds nothing that is used here to what a start costs.
        return _session().create_client(self._service, config=self._config)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


_made: dict[str, Any] = {}


def client(service: str, **options: Any) -> Any:
    """The AWS client of `service`, one for all who ask; retries are the SDK's, for AWS only: the provider is never
    called through one."""
    key = f"{service} {options}"
    if key not in _made:
        _made[key] = _Client(service, _CONFIG.merge(Config(**options)))
    return _made[key]


def client_of(credentials: Mapping[str, Any], service: str, **options: Any) -> Any:
    """A client with the credentials that STS gave."""
    return _session().create_client(
        service,
        config=_CONFIG.merge(Config(**options)),
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


@cache
def _session() -> Any:
    return cast("Any", botocore.session).get_session()
