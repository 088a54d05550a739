"""State ReportBatch: what became of every row, as files and as one announcement."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.batch import Batch
from core.publish.announcer import Announcer
from core.publish.batch_report import report
from core.records.batches import BatchRecords
from core.records.ledger import Ledger
from wiring import client, logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.batches import UsesBatches, make_batches
from wiring.ledger import UsesLedger, make_ledger


@dataclass(frozen=True)
class Settings(UsesLedger, UsesBatches, UsesAnnouncer):
    pass


@cache
def _wired() -> tuple[Ledger, BatchRecords, Announcer, Any]:
    s = settings.read(Settings)
    return make_ledger(s), make_batches(s), make_announcer(s), client("s3")


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The input of the batch's execution → {"is_complete": whether every row has ended}."""
    ledger, batches, announcer, s3 = _wired()
    batch = Batch.of_input(event)
    announced, is_complete = report(batch, batches.find(batch.batch_id), ledger, s3)
    announcer.announce_batch(announced)
    batches.ended(batch.batch_id, batch.revision, batch.run, is_complete=is_complete)
    logger.info("reported", batch_id=batch.batch_id, totals=announced["totals"], is_complete=is_complete)
    return {"is_complete": is_complete}
