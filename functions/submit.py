"""State Submit: send the request to the provider, at most once."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.provider.client import Provider
from core.records.ledger import Ledger
from core.submit import Limits, submit
from core.workflow import Run
from wiring import logger
from wiring.ledger import UsesLedger, make_ledger
from wiring.provider import UsesProvider, make_provider


@dataclass(frozen=True)
class Settings(UsesLedger, UsesProvider):
    submit_deadline_seconds: int
    submit_timeout_seconds: int
    poll_first_seconds: int


@cache
def _wired() -> tuple[Ledger, Provider, Limits, int]:
    s = settings.read(Settings)
    limits = Limits(deadline=s.submit_deadline_seconds, timeout=s.submit_timeout_seconds)
    return make_ledger(s), make_provider(s), limits, s.poll_first_seconds


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """{"generation_id", "execution"} → {"generation_id", "status": "queued" (enter again) or "generating",
    "wait_seconds"}."""
    ledger, provider, limits, first_check = _wired()
    generation_id = event["generation_id"]
    again = submit(Run.of_state(event), ledger, provider, limits)
    logger.info("submitted" if not again else "refused for now", generation_id=generation_id, wait_seconds=again)
    return {
        "generation_id": generation_id,
        "status": "queued" if again else "generating",
        "wait_seconds": again or first_check,
    }
