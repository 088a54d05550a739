"""State LookUpSubmission: what became of a create call whose answer was lost?"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.look_up_submission import Patience, look_up_submission
from core.provider.client import Provider
from core.records.ledger import Ledger
from core.workflow import Run
from wiring import logger
from wiring.ledger import UsesLedger, make_ledger
from wiring.provider import UsesProvider, make_provider


@dataclass(frozen=True)
class Settings(UsesLedger, UsesProvider):
    poll_first_seconds: int
    poll_slow_seconds: int
    look_up_seconds: int


@cache
def _wired() -> tuple[Ledger, Provider, Patience]:
    s = settings.read(Settings)
    patience = Patience(first=s.poll_first_seconds, slow=s.poll_slow_seconds, give_up=s.look_up_seconds)
    return make_ledger(s), make_provider(s), patience


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """{"generation_id", "execution"} → {"generation_id", "status": "generating" (found), "unsent" (submit it) or
    "queued" (look again), "wait_seconds", "pending_seconds"}."""
    looked_up = look_up_submission(Run.of_state(event), *_wired())
    generation_id = event["generation_id"]
    logger.info("looked up", generation_id=generation_id, status=looked_up.status)
    return {
        "generation_id": generation_id,
        "status": looked_up.status,
        "wait_seconds": looked_up.wait_seconds,
        "pending_seconds": 0,
    }
