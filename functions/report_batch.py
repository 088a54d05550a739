"""State ReportBatch: what became of every row, as files and as one announcement."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.batches.identity import Batch
from core.batches.report import ReportBatch
from wiring import client, logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.batch_records import UsesBatchRecords, make_batch_records
from wiring.ledger import UsesLedger, make_ledger


@dataclass(frozen=True)
class Settings(UsesLedger, UsesBatchRecords, UsesAnnouncer):
    pass


@cache
def _wired() -> ReportBatch:
    s = settings.read(Settings)
    return ReportBatch(
        ledger=make_ledger(s), records=make_batch_records(s), announcer=make_announcer(s), s3=client("s3")
    )


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The input of the batch's execution → {"is_complete": whether every row has ended}."""
    batch = Batch.of_input(event)
    reported = _wired().report(batch)
    logger.info("reported", batch_id=batch.batch_id, totals=reported.totals, is_complete=reported.is_complete)
    return {"is_complete": reported.is_complete}
