"""State CheckStatus: ask the provider how the generation stands."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.capacity import Capacity
from core.check_status import check_status
from core.generation import Status
from core.ledger import Ledger
from core.polling import Schedule
from core.provider import Provider
from core.secrets import ProviderKey
from wiring import client, logger, now


@dataclass(frozen=True)
class Settings:
    table_name: str
    provider_url: str
    provider_key_secret: str
    poll_first_seconds: int
    poll_every_seconds: int
    poll_deadline_seconds: int
    poll_slow_seconds: int
    poll_give_up_seconds: int
    in_flight_limit: int


@cache
def _wired() -> tuple[Ledger, Provider, Schedule, Capacity]:
    s = settings.read(Settings)
    return (
        Ledger(client("dynamodb"), s.table_name, now),
        Provider(s.provider_url, ProviderKey(client("secretsmanager"), s.provider_key_secret)),
        Schedule(
            first=s.poll_first_seconds,
            every=s.poll_every_seconds,
            deadline=s.poll_deadline_seconds,
            slow=s.poll_slow_seconds,
            give_up=s.poll_give_up_seconds,
        ),
        Capacity(client("dynamodb"), s.table_name, client("stepfunctions"), s.in_flight_limit, now),
    )


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """{"generation_id"} → {"generation_id", "status": "generating" (look again) or "archiving", "wait_seconds"}."""
    ledger, provider, schedule, capacity = _wired()
    generation_id = event["generation_id"]
    checked = check_status(generation_id, ledger, provider, schedule)
    if checked.status is Status.ARCHIVING:
        capacity.release(generation_id)
    logger.info("checked", generation_id=generation_id, status=checked.status)
    return {"generation_id": generation_id, "status": checked.status, "wait_seconds": checked.wait_seconds}
