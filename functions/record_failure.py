"""State RecordFailure, and the rule on executions that end without it: write down why, and announce it."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from core import settings
from core.accept import generation_of
from core.announcement import Announcer
from core.capacity import Capacity
from core.errors import WorkflowStopped
from core.ledger import Ledger
from core.record_failure import Failure, from_catch, record_failure
from wiring import client, logger, now


@dataclass(frozen=True)
class Settings:
    table_name: str
    topic_arn: str
    bus_name: str
    in_flight_limit: int


@cache
def _wired() -> tuple[Ledger, Announcer, Capacity]:
    s = settings.read(Settings)
    return (
        Ledger(client("dynamodb"), s.table_name, now),
        Announcer(client("sns"), s.topic_arn, client("events"), s.bus_name),
        Capacity(client("dynamodb"), s.table_name, client("stepfunctions"), s.in_flight_limit, now),
    )


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """{"generation_id", "error": {"Error", "Cause"}}, or a Step Functions status change event → the same id and what
    is recorded."""
    ledger, announcer, capacity = _wired()
    generation_id, failure = _parse(event)
    generation = record_failure(generation_id, failure, ledger)
    error = (generation and generation.error) or asdict(failure)
    logger.warning("failed", generation_id=generation_id, error=error["name"], reason=error["message"])
    if generation and generation.error and not generation.announced_at:
        with single_metric(name="GenerationFailed", unit=MetricUnit.Count, value=1) as metric:
            metric.add_dimension("error", error["name"])
    if generation:
        capacity.release(generation_id)
    announcer.announce(generation_id, ledger)
    return {"generation_id": generation_id, "error": error}


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
