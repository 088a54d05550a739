"""State CheckStatus: poll the provider for the generation's status."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.check_status import CheckStatus
from core.provider.waiting import Poll, Schedule
from core.workflow import Run
from wiring import logger
from wiring.ends import or_ended
from wiring.learned import UsesLearned, make_learned
from wiring.ledger import make_ledger
from wiring.provider import UsesProvider, make_provider
from wiring.slots import UsesSlots, make_admission


@dataclass(frozen=True)
class Settings(UsesSlots, UsesProvider, UsesLearned):
    poll_first_seconds: int
    poll_every_seconds: float
    poll_stay_seconds: int
    poll_deadline_seconds: int
    poll_slow_seconds: int
    poll_give_up_seconds: int
    polls_per_second: float


@cache
def _wired() -> CheckStatus:
    s = settings.read(Settings)
    schedule = Schedule(
        first=s.poll_first_seconds,
        every=s.poll_every_seconds,
        stay=s.poll_stay_seconds,
        deadline=s.poll_deadline_seconds,
        slow=s.poll_slow_seconds,
        give_up=s.poll_give_up_seconds,
        polls_per_second=s.polls_per_second,
    )
    return CheckStatus(
        ledger=make_ledger(s),
        provider=make_provider(s),
        schedule=schedule,
        learned=make_learned(s),
        admission=make_admission(s),
    )


@logger.inject_lambda_context
@or_ended
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Poll the generation of {"generation_id", "execution", "wait_seconds", "pending_seconds"}.

    Return {"generation_id", "status", "wait_seconds", "pending_seconds"}. The status is "generating" (poll again),
    "queued" (submit it) or "archiving".
    """
    generation_id = event["generation_id"]
    before = Poll(event["pending_seconds"], event["wait_seconds"])
    checked = _wired().check(Run.of_state(event), before)
    logger.info("checked", generation_id=generation_id, status=checked.status)
    return {
        "generation_id": generation_id,
        "status": checked.status,
        "wait_seconds": checked.wait_seconds,
        "pending_seconds": checked.pending_seconds,
    }
