"""State ReportBatch: what became of every row, as files and as one announcement."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from core import settings
from core.announcement import Announcer
from core.batch import Batch, report
from core.ledger import Ledger
from wiring import client, logger, now


@dataclass(frozen=True)
class Settings:
    table_name: str
    topic_arn: str
    bus_name: str


@cache
def _wired() -> tuple[Ledger, Announcer, Any]:
    s = settings.read(Settings)
    return (
        Ledger(client("dynamodb"), s.table_name, now),
        Announcer(client("sns"), s.topic_arn, client("events"), s.bus_name),
        client("s3"),
    )


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The input of the batch's execution → {"is_complete": whether every row has ended}."""
    ledger, announcer, s3 = _wired()
    batch = Batch(**{field.name: event[field.name] for field in fields(Batch)})
    announced, is_complete = report(batch, ledger, s3)
    announcer.announce_batch(announced)
    logger.info("reported", batch_id=batch.batch_id, totals=announced["totals"])
    return {"is_complete": is_complete}
