"""State RecordFailure, and the rule for executions that end without it: record and announce the failure."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

from core import settings
from core.errors import Cancelled, GenerationEnded
from core.generation import Failure, Generation
from core.record_failure import RecordFailure, from_catch, from_end
from core.workflow import Ended, Run
from wiring import logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.ledger import make_ledger
from wiring.metrics import count_failure
from wiring.slots import UsesSlots, make_admission


@dataclass(frozen=True)
class Settings(UsesSlots, UsesAnnouncer):
    pass


@cache
def _wired() -> RecordFailure:
    s = settings.read(Settings)
    return RecordFailure(
        ledger=make_ledger(s), admission=make_admission(s), announcer=make_announcer(s), on_failure=_log_failure
    )


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Record the failure of a generation.

    The event is {"generation_id", "execution", "error": {"Error", "Cause"}} or a Step Functions status change event.
    Return the id and the recorded failure.
    """
    run, failure = _parse(event)
    return {"generation_id": run.generation_id, "error": asdict(_wired().record(run, failure))}


def _log_failure(run: Run, failure: Failure, generation: Generation | None) -> None:
    """Log a failure, and count it for the alarms, until it is announced.

    The event of the failed execution follows the state RecordFailure, with the same failure.
    """
    if generation and generation.error and generation.announced_at:
        return
    is_expected = failure.name in (Cancelled.__name__, GenerationEnded.__name__)  # the owner cancelled or deleted it
    log = logger.info if is_expected else logger.warning
    log(
        "ended" if is_expected else "failed",
        generation_id=run.generation_id,
        error=failure.name,
        reason=failure.message,
        model=generation and generation.model,
    )
    if generation and generation.error:
        count_failure(generation.error)


def _parse(event: dict[str, Any]) -> tuple[Run, Failure]:
    if "detail" not in event:
        error = event["error"]
        return Run.of_state(event), from_catch(error["Error"], error["Cause"], event["execution"])
    # https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    detail = EventBridgeEvent(event).detail
    ended = Ended(detail["status"], detail.get("error") or "", detail.get("cause") or "")
    return Run.of(detail["name"]), from_end(ended, detail["name"])
