"""State AcceptRow of a batch: a row becomes a generation, the same one each time the function is invoked."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.batches.accept_row import AcceptRow
from core.batches.staged_row import StagedRow
from core.intake.accept import Intake, Rejections
from wiring import logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.batch_records import UsesBatchRecords, make_batch_records
from wiring.inputs import UsesInputs, make_inputs
from wiring.ledger import make_ledger
from wiring.models import UsesModels, make_models


@dataclass(frozen=True)
class Settings(UsesInputs, UsesBatchRecords, UsesModels, UsesAnnouncer):
    pass


@cache
def _wired() -> AcceptRow:
    s = settings.read(Settings)
    ledger, announcer = make_ledger(s), make_announcer(s)
    intake = Intake(
        models=make_models(s), ledger=ledger, inputs=make_inputs(s), accounts=announcer.accounts, workflow=None
    )
    rejections = Rejections(ledger, announcer)
    return AcceptRow(intake=intake, rejections=rejections, records=make_batch_records(s), announcer=announcer)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Accept a line of rows.jsonl: return the generation, the execution of its run, and whether nothing is left to
    run."""
    accepted = _wired().accept(StagedRow.from_line(event))
    run = accepted.run
    return {"generation_id": run.generation_id, "execution": run.execution, "ended": accepted.has_ended}
