"""State Admit: wait until the provider has a place for the generation."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.capacity import Capacity
from wiring import client, logger, now


@dataclass(frozen=True)
class Settings:
    table_name: str
    in_flight_limit: int


@cache
def _wired() -> Capacity:
    s = settings.read(Settings)
    return Capacity(client("dynamodb"), s.table_name, client("stepfunctions"), s.in_flight_limit, now)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> None:
    """{"generation_id", "task_token"}: the workflow goes on when the token is answered, now or later."""
    _wired().admit(event["generation_id"], event["task_token"])
    logger.info("queued", generation_id=event["generation_id"])
