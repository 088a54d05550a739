"""State AcceptRow of a batch: a row becomes a generation, the same one however often this is entered."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.accept import accept
from core.announcement import Announcer
from core.batch import row_id, row_key
from core.errors import Forgotten, IdempotencyConflict, InvalidRequest
from core.generation import Generation, Source
from core.ledger import Ledger
from core.models import Models
from wiring import client, logger, now


@dataclass(frozen=True)
class Settings:
    table_name: str
    allowed_models: tuple[str, ...]
    passed_through_models: tuple[str, ...]
    topic_arn: str
    bus_name: str


@cache
def _wired() -> tuple[Ledger, Models, Announcer]:
    s = settings.read(Settings)
    return (
        Ledger(client("dynamodb"), s.table_name, now),
        Models(s.allowed_models, s.passed_through_models),
        Announcer(client("sns"), s.topic_arn, client("events"), s.bus_name),
    )


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """A line of rows.jsonl (core.batch) → {"generation_id", "ended": whether there is nothing left to run}."""
    generation_id = row_id(event["batch_id"], event["owner"], event["row"])
    try:
        ended = _accept(event, generation_id).status.ended
    except Forgotten:
        ended = True  # its owner has deleted it since
    return {"generation_id": generation_id, "ended": ended}


def _accept(event: dict[str, Any], generation_id: str) -> Generation:
    ledger, models, announcer = _wired()
    batch = (event["batch_id"], event["row"])
    owner, source = event["owner"], Source("s3", event["source_ref"])
    try:
        if "problem" in event:
            raise InvalidRequest(event["problem"])
        return accept(event["request"], owner, source, row_key(*batch), models, ledger, None, batch=batch)
    except IdempotencyConflict:  # an earlier run took it, when the stage's default model was another
        return ledger.get(generation_id)
    except InvalidRequest as error:
        refused = Generation(
            generation_id=generation_id,
            owner=owner,
            request=event.get("request") or {},
            source=source,
            created_at=now(),
            updated_at=now(),
            batch_id=batch[0],
            row_number=batch[1],
        )
        recorded = ledger.add_failed(refused, InvalidRequest.__name__, str(error))
        announcer.announce(generation_id, ledger)
        return recorded
