"""What every handler needs: the clock, a logger that never sees a secret, and AWS clients with time-outs."""

from datetime import UTC, datetime
from typing import Any, cast

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

logger = Logger()

_CONFIG = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def client(service: str, **options: Any) -> Any:
    """An AWS client of `service`; retries are the SDK's, for AWS only: the provider is never called through one."""
    return cast("Any", boto3).client(service, config=_CONFIG.merge(Config(**options)))
