"""State AcceptRow of a batch: a row becomes a generation, the same one however often this is entered."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from core import settings
from core.intake.row import accept_row
from core.models import Models
from core.publish.announcer import Announcer
from core.records.ledger import Ledger
from wiring import logger
from wiring.announcer import UsesAnnouncer, make_announcer
from wiring.ledger import UsesLedger, make_ledger
from wiring.models import UsesModels, make_models


@dataclass(frozen=True)
class Settings(UsesLedger, UsesModels, UsesAnnouncer):
    pass


@cache
def _wired() -> tuple[Models, Ledger, Announcer]:
    s = settings.read(Settings)
    return make_models(s), make_ledger(s), make_announcer(s)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """A line of rows.jsonl → {"generation_id", "ended": whether there is nothing left to run}."""
    generation_id, ended = accept_row(event, *_wired())
    return {"generation_id": generation_id, "ended": ended}
