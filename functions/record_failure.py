"""State RecordFailure, and the rule on executions that end without it: write down why, and announce it."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from core import settings
from core.errors import WorkflowStopped
from core.generation import Failure
from core.publish.announcer import Announcer
from core.record_failure import from_catch, record_failure
from core.records.capacity import Capacity
from core.records.ledger import Ledger
from core.workflow import generation_of
from wiring import logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.ledger import make_ledger
from wiring.places import UsesPlaces, make_capacity


@dataclass(frozen=True)
class Settings(UsesPlaces, UsesAnnouncer):
    pass


@cache
def _wired() -> tuple[Ledger, Announcer, Capacity]:
    s = settings.read(Settings)
    return make_ledger(s), make_announcer(s), make_capacity(s)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """{"generation_id", "error": {"Error", "Cause"}}, or a Step Functions status change event → the same id and what
    is recorded."""
    ledger, announcer, capacity = _wired()
    generation_id, failure = _parse(event)
    generation = record_failure(generation_id, failure, ledger)
    recorded = (generation and generation.error) or failure
    logger.warning("failed", generation_id=generation_id, error=recorded.name, reason=recorded.message)
    if generation and generation.error and not generation.announced_at:
        with single_metric(name="GenerationFailed", unit=MetricUnit.Count, value=1) as metric:
            metric.add_dimension("error", recorded.name)
    if generation:
        capacity.release(generation_id)
    announcer.announce(generation_id, ledger)
    return {"generation_id": generation_id, "error": asdict(recorded)}


def _parse(event: dict[str, Any]) -> tuple[str, Failure]:
    if "detail" not in event:
        generation_id, error = event["generation_id"], event["error"]
        return generation_id, from_catch(error["Error"], error["Cause"], execution=generation_id)
    detail = event["detail"]  # https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    name, status = generation_of(detail["name"]), detail["status"]
    if status == "FAILED":
        return name, from_catch(detail.get("error") or "", detail.get("cause") or "", execution=detail["name"])
    return name, Failure(
        WorkflowStopped.__name__, f"The workflow ended as {status}: see the history of execution {detail['name']}."
    )
