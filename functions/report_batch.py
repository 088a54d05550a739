"""State ReportBatch of a batch: report the outcome of every row in files, and announce the end."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.batches.report import ReportBatch
from core.batches.run import run_of
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
    """Report the run that the execution's input names. Return whether its end is an expected one."""
    run_id = run_of(event)
    reported = _wired().report(run_id, event["bucket"])
    logger.info("reported", run=run_id, totals=reported.totals, is_complete=reported.is_complete)
    return {"is_complete": reported.is_complete, "has_stopped": reported.has_stopped}
