"""A row of a batch becomes a generation, the same one however often it is entered."""

from typing import Any

from core.batch import row_id
from core.errors import Deleted, IdempotencyConflict, InvalidRequest
from core.generation import Generation, Source
from core.intake.accept import accept, refuse
from core.models import Models
from core.publish.announcer import Announcer
from core.records.ledger import Ledger


def accept_row(line: dict[str, Any], models: Models, ledger: Ledger, announcer: Announcer) -> tuple[str, bool]:
    """A line of rows.jsonl (core.intake.batches) → the generation's id, and whether nothing is left to run."""
    generation_id = row_id(line["batch_id"], line["row"])
    try:
        generation = _accept(line, generation_id, models, ledger, announcer)
    except Deleted:
        generation = None
    return generation_id, generation is None or generation.status.ended


def _accept(
    line: dict[str, Any], generation_id: str, models: Models, ledger: Ledger, announcer: Announcer
) -> Generation | None:
    row = (line["batch_id"], line["row"])
    owner, source = line["owner"], Source("s3", line["source_ref"])
    try:
        if "problem" in line:
            raise InvalidRequest(line["problem"])
        return accept(line["request"], generation_id, owner, source, models, ledger, None, row=row)
    except IdempotencyConflict:  # an earlier run took it, when the stage's default model was another
        return ledger.get(generation_id)
    except InvalidRequest as error:
        return refuse(error, generation_id, owner, source, ledger, announcer, request=line.get("request"), row=row)
