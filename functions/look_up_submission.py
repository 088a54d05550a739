"""State LookUpSubmission: find the outcome of a create call whose answer was lost."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.look_up_submission import LookUpSubmission
from core.provider.waiting import LookUpSchedule
from core.workflow import Run
from wiring import logger
from wiring.ends import or_ended
from wiring.ledger import UsesLedger, make_ledger
from wiring.provider import UsesProvider, make_provider


@dataclass(frozen=True)
class Settings(UsesLedger, UsesProvider):
    poll_first_seconds: int
    poll_slow_seconds: int
    look_up_seconds: int


@cache
def _wired() -> LookUpSubmission:
    s = settings.read(Settings)
    return LookUpSubmission(
        ledger=make_ledger(s),
        provider=make_provider(s),
        schedule=LookUpSchedule(first=s.poll_first_seconds, slow=s.poll_slow_seconds, give_up=s.look_up_seconds),
    )


@logger.inject_lambda_context
@or_ended
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Look up the submission of {"generation_id", "execution"}.

    Return {"generation_id", "status", "wait_seconds", "pending_seconds"}. The status is "generating" (found), "unsent"
    (submit it) or "queued" (search again).
    """
    looked_up = _wired().look_up(Run.of_state(event))
    generation_id = event["generation_id"]
    logger.info("looked up", generation_id=generation_id, status=looked_up.status)
    return {
        "generation_id": generation_id,
        "status": looked_up.status,
        "wait_seconds": looked_up.wait_seconds,
        "pending_seconds": 0,
    }
