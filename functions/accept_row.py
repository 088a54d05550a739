"""State AcceptRow of a batch: a row becomes a generation, the same one however often this is entered."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.accept import accept
from core.announcement import Announcer
from core.errors import InvalidRequest
from core.generation import Generation, Source, new_id
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
    ledger, models, announcer = _wired()
    batch = (event["batch_id"], event["row"])
    owner, source, key = event["owner"], Source("s3", event["source_ref"]), f"{batch[0]}:{batch[1]}"
    try:
        if "problem" in event:
            raise InvalidRequest(event["problem"])
        generation = accept(event["request"], owner, source, key, models, ledger, None, batch=batch)
    except InvalidRequest as error:
        refused = Generation(
            generation_id=new_id(owner, f"{source.kind}:{key}"),
            owner=owner,
            request=event.get("request") or {},
            source=source,
            created_at=now(),
            updated_at=now(),
            batch_id=batch[0],
            row_number=batch[1],
        )
        generation = ledger.add_failed(refused, InvalidRequest.__name__, str(error))
        announcer.announce(generation.generation_id, ledger)
    return {"generation_id": generation.generation_id, "ended": generation.status.ended}
