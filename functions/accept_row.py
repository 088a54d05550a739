"""State AcceptRow of a batch: a row becomes a generation, the same one however often the function is invoked."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.batches.accept_row import Rows
from core.intake.accept import Intake, Refusals
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
def _wired() -> Rows:
    s = settings.read(Settings)
    ledger, announcer = make_ledger(s), make_announcer(s)
    intake = Intake(
        models=make_models(s), ledger=ledger, inputs=make_inputs(s), accounts=announcer.accounts, workflow=None
    )
    return Rows(intake=intake, refusals=Refusals(ledger, announcer), records=make_batch_records(s))


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """A line of rows.jsonl → {"generation_id", "execution": of its run, "ended": whether nothing is left to run}."""
    run, ended = _wired().accept(event)
    return {"generation_id": run.generation_id, "execution": run.execution, "ended": ended}
