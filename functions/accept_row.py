"""State AcceptRow of a batch: a row becomes a generation, the same one each time the function is invoked."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.batches.accept_row import AcceptRow
from core.batches.run import run_of
from core.batches.staged_row import StagedRow
from core.intake.accept import Intake
from wiring import logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.batch_records import UsesRejectionLimit, make_batch_records, make_rejection_limit
from wiring.inputs import UsesInputs, make_inputs
from wiring.ledger import make_ledger
from wiring.models import UsesModels, make_models


@dataclass(frozen=True)
class Settings(UsesInputs, UsesRejectionLimit, UsesModels, UsesAnnouncer):
    pass


@cache
def _wired() -> AcceptRow:
    s = settings.read(Settings)
    announcer = make_announcer(s)
    intake = Intake(
        models=make_models(s),
        ledger=make_ledger(s),
        inputs=make_inputs(s),
        accounts=announcer.accounts,
        workflow=None,
    )
    return AcceptRow(intake=intake, records=make_batch_records(s), limit=make_rejection_limit(s), announcer=announcer)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Accept a line of rows.jsonl in a run of its batch.

    Return the row's generation, the execution of its run, and what is left to do.
    """
    accepted = _wired().accept(run_of(event), StagedRow.from_line(event["row"]))
    run = accepted.run
    return {
        "generation_id": run.generation_id,
        "execution": run.execution,
        "ended": accepted.has_ended,
        "stopped": accepted.has_stopped,
        "pause": accepted.pause,
        "is_polled": accepted.is_polled,
    }
