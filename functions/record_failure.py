"""State RecordFailure, and the rule on executions that end without it: write down why, and announce it."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from core import settings
from core.generation import Failure
from core.places.admission import Admission
from core.publish.announcer import Announcer
from core.record_failure import close, from_catch, from_end, record_failure
from core.records.ledger import Ledger
from core.workflow import Ended, Run
from wiring import logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.ledger import make_ledger
from wiring.metrics import count_failure
from wiring.places import UsesPlaces, make_admission


@dataclass(frozen=True)
class Settings(UsesPlaces, UsesAnnouncer):
    pass


@cache
def _wired() -> tuple[Ledger, Admission, Announcer]:
    s = settings.read(Settings)
    return make_ledger(s), make_admission(s), make_announcer(s)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """{"generation_id", "execution", "error": {"Error", "Cause"}}, or a Step Functions status change event → the id and
    what is recorded."""
    run, failure = _parse(event)
    ledger, admission, announcer = _wired()
    generation = record_failure(run, failure, ledger)
    recorded = (generation and generation.error) or failure
    logger.warning(
        "failed",
        generation_id=run.generation_id,
        error=recorded.name,
        reason=recorded.message,
        model=generation and generation.model,
    )
    if generation:
        if generation.error and not generation.announced_at:
            count_failure(generation.error)
        close(generation, ledger, admission, announcer)
    return {"generation_id": run.generation_id, "error": asdict(recorded)}


def _parse(event: dict[str, Any]) -> tuple[Run, Failure]:
    if "detail" not in event:
        error = event["error"]
        return Run.of_state(event), from_catch(error["Error"], error["Cause"], event["execution"])
    detail = event["detail"]  # https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    ended = Ended(detail["status"], detail.get("error") or "", detail.get("cause") or "")
    return Run.of(detail["name"]), from_end(ended, detail["name"])
